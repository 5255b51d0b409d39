package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Options say what is simulated. The zero value of each field is usable but for Projects.
type Options struct {
	Seed     uint64 // other seeds give other conversations
	Projects []Project
	// APIKey is the key that requests must carry in x-api-key; "" accepts any that is not empty.
	APIKey string
	// Now is the local clock, time.Now unless set. With ClockSkew added it is the server's.
	Now       func() time.Time
	ClockSkew time.Duration
	MaxLimit  int // largest page that may be asked for, 1000 unless set; above it 400
	PageRows  int // rows of a page, where more are asked for; the limit that is asked for unless set
	Paging    Paging
	Gzip      bool // compress for clients that accept it
	// ByteOrderMark stands before each page.
	ByteOrderMark bool
	// Deviations from what is documented that have been seen in the wild.
	Deviations Deviations
	// Faults of the service and of the network.
	Faults Faults
}

// Project is a project (an agent) of an account. It answers under its ID and
// its Alias, and so does the account; conversations carry the IDs.
type Project struct {
	AccountID, AccountAlias string // such as acme-uk and ws-fd112d8f; the alias may be ""
	ID, Alias               string // such as acme-team-4 and PROJECT-58RP822I; the alias may be ""
	Environments            []Environment
	From, To                time.Time // first and last start; To is now and From 30 days before it unless set
	TurnsMean               float64   // mean number of turns, 15 unless set; at least 1
	HideTranscripts         bool      // turns are [] though num_turns is not 0
	HideMetrics             bool      // metrics are {}
	Summaries               bool      // ended conversations have a score, a summary, tags and a language
}

// Environment is one of live, sandbox and pre-release with its number of conversations.
type Environment struct {
	Name          string
	Conversations int
}

// Simulator answers as the API does. It is an http.Handler for any number of
// concurrent requests.
type Simulator struct {
	o            Options
	environments []*environment
	requests     atomic.Int64
	bucket       bucket // of requests, where their rate is limited
	endpoints    endpoints
}

// environment is what one project holds in one environment.
type environment struct {
	project    Project
	name       string
	count      int
	seed       uint64
	calendar   *calendar
	deviations Deviations
	variants   []variant
	overrides  overrides
}

// New checks the options and makes a simulator of them.
func New(o Options) (*Simulator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxLimit = cmp.Or(o.MaxLimit, 1000)
	if err := errors.Join(o.Faults.validate(), o.Paging.validate()); err != nil {
		return nil, err
	}
	if o.PageRows < 0 {
		return nil, fmt.Errorf("simulate: pages of %d rows; 0 is as many as are asked for", o.PageRows)
	}
	s := &Simulator{o: o}
	if len(o.Projects) == 0 {
		return nil, fmt.Errorf("simulate: there is no project; name at least one")
	}
	for i := range o.Projects {
		if err := s.add(o.Projects[i]); err != nil {
			return nil, fmt.Errorf("simulate: project %q: %w", o.Projects[i].ID, err)
		}
	}
	return s, nil
}

func (s *Simulator) add(p Project) error {
	now := s.now()
	if p.To.IsZero() {
		p.To = now
	}
	if p.From.IsZero() {
		p.From = p.To.AddDate(0, 0, -30)
	}
	p.TurnsMean = cmp.Or(p.TurnsMean, 15)
	switch {
	case p.AccountID == "" || p.ID == "":
		return fmt.Errorf("an account id and a project id are needed")
	case s.project(p.AccountID, p.ID) != nil:
		return fmt.Errorf("the account has another project of this id")
	case !p.From.Before(p.To):
		return fmt.Errorf("its first start %s is not before its last, %s", p.From, p.To)
	case !(p.TurnsMean >= 1 && p.TurnsMean <= 1000):
		return fmt.Errorf("a mean of %g turns is not between 1 and 1000", p.TurnsMean)
	case len(p.Environments) == 0:
		return fmt.Errorf("it has no environment; use live")
	}
	calendar := newCalendar(p.From, p.To)
	for _, e := range p.Environments {
		if !knownEnvironment(e.Name) || e.Conversations < 0 {
			return fmt.Errorf("environment %q with %d conversations: use live, sandbox or pre-release, and 0 or more", e.Name, e.Conversations)
		}
		seed := hashText(hashText(hashText(0, p.AccountID), p.ID), e.Name) ^ mix(s.o.Seed)
		s.environments = append(s.environments, &environment{
			project: p, name: e.Name, count: e.Conversations, seed: mix(seed),
			calendar: calendar, deviations: s.o.Deviations, variants: variantsOf(mix(seed + 1)),
		})
	}
	return nil
}

func knownEnvironment(name string) bool {
	return name == "live" || name == "sandbox" || name == "pre-release"
}

// now is the server's clock.
func (s *Simulator) now() time.Time { return s.o.Now().Add(s.o.ClockSkew).UTC() }

// Requests is the number of requests so far, refused ones included.
func (s *Simulator) Requests() int64 { return s.requests.Load() }

// project finds a project by any of its names.
func (s *Simulator) project(account, id string) *Project {
	for _, e := range s.environments {
		if p := &e.project; is(account, p.AccountID, p.AccountAlias) && is(id, p.ID, p.Alias) {
			return p
		}
	}
	return nil
}

func is(asked, id, alias string) bool { return asked != "" && (asked == id || asked == alias) }

// environment finds what a project holds in an environment; nil when nothing.
func (s *Simulator) environment(account, id, name string) *environment {
	for _, e := range s.environments {
		if e.project.AccountID == account && e.project.ID == id && e.name == name {
			return e
		}
	}
	return nil
}

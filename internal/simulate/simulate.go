package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Options configure a simulator. All fields but Projects may be zero.
type Options struct {
	Seed     uint64 // another seed gives other conversations
	Projects []Project
	// APIKey is the key that requests need in x-api-key; "" accepts any non-empty key.
	APIKey string
	// Now is the local clock, time.Now by default. Server time is Now plus ClockSkew.
	Now       func() time.Time
	ClockSkew time.Duration
	MaxLimit  int // largest limit of a request, 1000 by default; a larger one gets a 400
	PageRows  int // maximum rows of a page, even if more are requested; 0: as many as requested
	Paging    Paging
	Gzip      bool // compress for clients that accept it
	// ByteOrderMark writes a byte order mark before each page.
	ByteOrderMark bool
	// Deviations from the documentation that were observed in practice.
	Deviations Deviations
	// Faults of the service and of the network.
	Faults Faults
	// Audio configures the recordings and their faults.
	Audio Audio
}

// Project is a project (an agent) of an account. Requests may use the ID or the Alias
// of each; conversations have the IDs.
type Project struct {
	AccountID, AccountAlias string // such as acme-uk and ws-fd112d8f; the alias may be ""
	ID, Alias               string // such as acme-team-4 and PROJECT-58RP822I; the alias may be ""
	Environments            []Environment
	From, To                time.Time // first and last start; by default, To is now and From is 30 days earlier
	TurnsMean               float64   // mean number of turns, 15 by default; at least 1
	HideTranscripts         bool      // turns are [] though num_turns is not 0
	HideMetrics             bool      // metrics are {}
	Summaries               bool      // ended conversations have a score, a summary, tags and a language
}

// Environment is one of live, sandbox and pre-release with its number of conversations.
type Environment struct {
	Name          string
	Conversations int
}

// Simulator is an [http.Handler] that answers like the API. It is safe for concurrent
// use.
type Simulator struct {
	o            Options
	environments []*environment
	requests     atomic.Int64
	bucket       bucket // limits the rate of requests
	endpoints    endpoints
	audioCounts  audioCounts
}

// environment has the conversations of one project in one environment.
type environment struct {
	project    Project
	name       string
	count      int
	seed       uint64
	calendar   *calendar
	deviations Deviations
	variants   []variant
	overrides  overrides
	ids        ids
}

// New returns a simulator, or an error if the options are not valid.
func New(o Options) (*Simulator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxLimit = cmp.Or(o.MaxLimit, 1000)
	if err := errors.Join(o.Faults.validate(), o.Paging.validate(), o.Audio.validate()); err != nil {
		return nil, err
	}
	if o.PageRows < 0 {
		return nil, fmt.Errorf("simulate: pages of %d rows; use 0 for as many as requested", o.PageRows)
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
		return fmt.Errorf("an account id and a project id are required")
	case s.project(p.AccountID, p.ID) != nil:
		return fmt.Errorf("the account has another project with this id")
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
			project:    p,
			name:       e.Name,
			count:      e.Conversations,
			seed:       mix(seed),
			calendar:   calendar,
			deviations: s.o.Deviations,
			variants:   variantsOf(mix(seed + 1)),
		})
	}
	return nil
}

func knownEnvironment(name string) bool {
	return name == "live" || name == "sandbox" || name == "pre-release"
}

// now returns the server time.
func (s *Simulator) now() time.Time { return s.o.Now().Add(s.o.ClockSkew).UTC() }

// Requests returns the number of requests so far, including refused ones.
func (s *Simulator) Requests() int64 { return s.requests.Load() }

// project finds a project by any of its ids.
func (s *Simulator) project(account, id string) *Project {
	for _, e := range s.environments {
		if p := &e.project; is(account, p.AccountID, p.AccountAlias) && is(id, p.ID, p.Alias) {
			return p
		}
	}
	return nil
}

func is(asked, id, alias string) bool { return asked != "" && (asked == id || asked == alias) }

// environment finds the environment of a project; nil if there is none.
func (s *Simulator) environment(account, id, name string) *environment {
	for _, e := range s.environments {
		if e.project.AccountID == account && e.project.ID == id && e.name == name {
			return e
		}
	}
	return nil
}

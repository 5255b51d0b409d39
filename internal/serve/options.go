package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"convsync/internal/load"
	"convsync/internal/loopback"
	"convsync/internal/warehouse"
)

// Destination is the part of a [load.Destination] that the page and the metrics read.
type Destination interface {
	load.StateReader
	load.Reporter
	load.RejectReader
}

// Options configure a server.
type Options struct {
	// Address to listen on, as host:port; 127.0.0.1:8080 unless set. An address
	// that other machines can reach requires a token, or a user and a password.
	Address string
	// Token is required as "Authorization: Bearer"; a browser can send it as the
	// password of any user.
	Token                    string
	BasicUser, BasicPassword string
	// Renew returns the current Token and BasicPassword. It is called every few
	// seconds; nil: they do not change.
	Renew func(ctx context.Context) (token, password string, err error)
	// CertFile and KeyFile are PEM files for TLS, reloaded when they change;
	// plain HTTP unless set.
	CertFile, KeyFile string

	Destination Destination // a separate one, because it is read while a run is in progress
	Feeds       []Feed
	// Lookback is the longest lookback of a run; 0: unknown.
	Lookback time.Duration
	// StaleAfter is the age from which a watermark is stale: somewhat more than the
	// time between two runs. 26 h unless set.
	StaleAfter time.Duration
	// Next returns the next runs, soonest first; nil: none is scheduled.
	Next func() []Scheduled
	// SecondRunAfter returns when the second scheduled run that loads is due after
	// a time: no run until then is a problem. The zero time, or nil: none is
	// scheduled.
	SecondRunAfter func(after time.Time) time.Time
	// Charts returns the charts of the page, after each run; nil: none.
	Charts func(ctx context.Context) ([]Chart, error)

	// Recordings of projects whose recordings are checked or stored.
	Recordings Recordings

	// Transcripts handles GET /transcript: one conversation, by the parameters id and
	// project. It is used only if requests need a login, because other users of this
	// machine must not read what people said. nil: there is none.
	Transcripts http.Handler

	// Watched is called with the result of each read of the destination; may be nil.
	Watched func(Sight)
	// Webhooks handles POST /webhooks/polyai without a login, because it checks
	// signatures itself. nil: 404.
	Webhooks http.Handler
	// Report handles GET /report, with the same login as the page. nil: there is none.
	Report http.Handler
	// Alerts returns the alerts that PolyAI reported; nil: none.
	Alerts func(ctx context.Context) ([]warehouse.ActiveAlert, error)

	Metrics *Metrics     // counts of this process; empty ones unless set
	Log     *slog.Logger // discarded unless set
	Version string

	started time.Time // of the server, with its monotonic clock reading; zero: no server
}

// Feed is a feed on the page.
type Feed struct {
	ProjectID, Environment string
	Start                  time.Time // where its history begins
	TimeZone               string    // of its times on the page; UTC unless set
}

func (f *Feed) key() load.Feed {
	return load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}
}

// Sight is the result of reading the destination.
type Sight struct {
	Watermarks map[load.Feed]warehouse.Timestamp // of the last successful read; nil: none yet
	Failing    time.Time                         // since when reads fail; zero: they succeed
	Err        error                             // of the last read
	IdleSince  time.Time                         // the last run, if two scheduled times passed since; zero: runs start as scheduled

	StoreTried   bool      // whether copies of recordings can be stored is known
	StoreFailing time.Time // since when they cannot; zero: they can
	StoreErr     error     // why they cannot
}

// Scheduled is a future run.
type Scheduled struct {
	Name string // of the schedule
	At   time.Time
}

func (o *Options) setDefaults() {
	o.Address = cmp.Or(o.Address, "127.0.0.1:8080")
	o.StaleAfter = cmp.Or(o.StaleAfter, 26*time.Hour)
	if o.Next == nil {
		o.Next = func() []Scheduled { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// CheckAccess reports why a server with this address, these secrets and this
// certificate would not start; nil: it would. It needs no destination.
func (o *Options) CheckAccess() error {
	host, _, err := net.SplitHostPort(o.Address)
	switch {
	case err != nil:
		return fmt.Errorf("the address %q is not of the form host:port, such as 127.0.0.1:8080", o.Address)
	case (o.BasicUser == "") != (o.BasicPassword == ""):
		return errors.New("a user and a password go together: set both, or neither")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("a certificate and its key go together: set both files, or neither")
	case !loopback.Host(host) && !o.guarded():
		return fmt.Errorf("the address %q can be reached from other machines: set a token, or a user and a password, "+
			"or listen on 127.0.0.1", o.Address)
	}
	if err := checkStrength(o.Token, o.BasicPassword); err != nil {
		return err
	}
	if o.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
			return fmt.Errorf("the certificate %s with the key %s cannot be used: %w", o.CertFile, o.KeyFile, err)
		}
	}
	return nil
}

func (o *Options) validate() error {
	if err := o.CheckAccess(); err != nil {
		return err
	}
	if o.Destination == nil {
		return errors.New("there is no destination to show")
	}
	if err := o.Recordings.validate(); err != nil {
		return err
	}
	seen := map[load.Feed]bool{}
	for i := range o.Feeds {
		f := &o.Feeds[i]
		if seen[f.key()] {
			return fmt.Errorf("project %s is listed twice with the environment %s", f.ProjectID, f.Environment)
		}
		seen[f.key()] = true
		if _, err := time.LoadLocation(f.TimeZone); err != nil {
			return fmt.Errorf("project %s: unknown time zone %q; use an IANA name such as Europe/London", f.ProjectID, f.TimeZone)
		}
	}
	return nil
}

// guarded reports whether requests need a login.
func (o *Options) guarded() bool { return o.Token != "" || o.BasicUser != "" }

// inClearText reports whether other machines can reach the server without TLS.
func (o *Options) inClearText() bool {
	host, _, err := net.SplitHostPort(o.Address)
	return err == nil && o.CertFile == "" && !loopback.Host(host)
}

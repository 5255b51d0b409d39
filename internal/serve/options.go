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
	"net/netip"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Options configure a server.
type Options struct {
	// Address to listen on, as host:port; 127.0.0.1:8080 unless set. One that
	// others can reach takes a token, or a user and password.
	Address string
	// Token is asked for as "Authorization: Bearer"; a browser may give it as
	// the password of any user.
	Token                    string
	BasicUser, BasicPassword string
	// Renew tells what Token and BasicPassword are by now, every few seconds;
	// nil: they stay.
	Renew func(ctx context.Context) (token, password string, err error)
	// CertFile and KeyFile are PEM files for TLS, read again when they change;
	// plain HTTP unless set.
	CertFile, KeyFile string

	Destination load.Destination // of its own: it is read beside a run
	Feeds       []Feed
	// Lookback is how far back the deepest reading goes; 0: not known.
	Lookback time.Duration
	// StaleAfter is the age of a feed's watermark from which something is
	// wrong: somewhat more than the time between two runs. 26 h unless set.
	StaleAfter time.Duration
	// Next tells what runs next, soonest first; nil: nothing is scheduled.
	Next func() []Scheduled
	// SecondRunAfter is when, after a moment, the second scheduled run that loads
	// is due: no run until then is a problem. The zero time, or nil: none is
	// scheduled.
	SecondRunAfter func(after time.Time) time.Time
	// Charts are drawn on the page, anew after each run; nil: none.
	Charts func(ctx context.Context) ([]Chart, error)

	// Watched is told what each look at the destination showed; nil: nobody is.
	Watched func(Sight)
	// Webhooks takes POST /webhooks/polyai from anywhere: a signature is its guard,
	// and not ours. nil: there is no such page.
	Webhooks http.Handler
	// Alerts are those of PolyAI that were told of; nil: none is.
	Alerts func(ctx context.Context) ([]warehouse.ActiveAlert, error)

	Metrics *Metrics     // counts of this process; empty ones unless set
	Log     *slog.Logger // nowhere unless set
	Version string

	started time.Time // of the server, with the monotonic clock; zero: it is none
}

// Feed is a feed that is shown.
type Feed struct {
	ProjectID, Environment string
	Start                  time.Time // where its history begins
	TimeZone               string    // its times are shown in; UTC unless set
}

func (f *Feed) key() load.Feed {
	return load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}
}

// Sight is what the destination shows.
type Sight struct {
	Watermarks map[load.Feed]warehouse.Timestamp // as it showed last; nil: it never did
	Failing    time.Time                         // since when it cannot be read; zero: it can
	Err        error                             // why not
	IdleSince  time.Time                         // since when no run happened, though two were due; zero: runs happen
}

// Scheduled is a run to come.
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

func (o *Options) validate() error {
	host, _, err := net.SplitHostPort(o.Address)
	switch {
	case err != nil:
		return fmt.Errorf("the address %q is not of the form host:port, such as 127.0.0.1:8080", o.Address)
	case (o.BasicUser == "") != (o.BasicPassword == ""):
		return errors.New("a user and a password go together: set both, or neither")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("a certificate and its key go together: set both files, or neither")
	case !isLoopback(host) && !o.guarded():
		return fmt.Errorf("the address %q can be reached from other machines: set a token, or a user and a password, "+
			"or listen on 127.0.0.1", o.Address)
	case o.Destination == nil:
		return errors.New("no destination is set")
	}
	if err := checkStrength(o.Token, o.BasicPassword); err != nil {
		return err
	}
	if o.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
			return fmt.Errorf("the certificate %s with the key %s cannot be used: %w", o.CertFile, o.KeyFile, err)
		}
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

// guarded reports whether who asks must show that they may.
func (o *Options) guarded() bool { return o.Token != "" || o.BasicUser != "" }

// inClearText reports whether other machines can reach the server without TLS.
func (o *Options) inClearText() bool {
	host, _, err := net.SplitHostPort(o.Address)
	return err == nil && o.CertFile == "" && !isLoopback(host)
}

// isLoopback reports whether a host is this machine, to itself. Other names
// than localhost are not looked up: what they lead to can change.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/simulate"
)

type simulateOptions struct {
	listen           string
	account, project string
	key              string
	conversations    int
	from             string
	seed             uint64
	deviations       bool
	faults           map[string]string
	rateLimit        float64
	retryAfter       string
	latency          time.Duration
	dateAhead        time.Duration
	paging           string
	pageRows         int
	audio            simulateAudioOptions
}

func newSimulateCommand(app *app) *cobra.Command {
	var opts simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve a simulated Conversations API with made-up data, recordings, and faults on request",
		Long: "Simulate answers like PolyAI's Conversations API (v3). The conversations are generated from a seed: the same options\n" +
			"give the same conversations. Use it to try a configuration, a destination or a dashboard without an API key.\n\n" +
			"--fault NAME=SHARE makes that share of the requests fail. The names are\n  " + strings.Join(faultNames, ", ") + "\n\n" +
			"Each voice conversation that has ended has recordings: noises and tones, as long as the conversation, silent in places if\n" +
			"redacted. Their faults are shares of the conversations, chosen by the seed:\n  " + strings.Join(audioFaultNames[:8], ", ") + ",\n  " + strings.Join(audioFaultNames[8:], ", "),
		Example: "  convsync simulate\n" +
			"  convsync simulate --conversations 200000 --from 2026-01-01 --deviations\n" +
			"  convsync simulate --rate-limit 5 --latency 200ms --fault 503=0.05,cut=0.01\n" +
			"  convsync simulate --audio mixed,no_head --fault audio_late=0.2,audio_html=0.01 --audio-late-by 5h",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulate(cmd.Context(), app, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.listen, "listen", "127.0.0.1:8088", "address to listen on, a loopback address")
	flags.StringVar(&opts.account, "account", "acme-uk", "account id")
	flags.StringVar(&opts.project, "project", "acme-team-4", "project id")
	flags.StringVar(&opts.key, "key", "", "API key that requests must have (default: any key is accepted)")
	flags.IntVar(&opts.conversations, "conversations", 10_000, "number of conversations from --from until now; new ones follow at the same rate")
	flags.StringVar(&opts.from, "from", "", "day of the first conversation (default: 30 days ago); set it to get the same conversations again on another day")
	flags.Uint64Var(&opts.seed, "seed", 1, "seed of the conversations")
	flags.BoolVar(&opts.deviations, "deviations", false, "include all deviations from the documented API that the real service has shown")
	flags.StringToStringVar(&opts.faults, "fault", nil, "faults as NAME=SHARE, with the share of the requests, or of the conversations, from 0 to 1")
	flags.Float64Var(&opts.rateLimit, "rate-limit", 0, "requests per second above which the answer is 429; 0: no limit")
	flags.StringVar(&opts.retryAfter, "retry-after", "seconds", "Retry-After header of a 429: seconds, date or missing")
	flags.DurationVar(&opts.latency, "latency", 0, "delay before the first byte of each answer")
	flags.DurationVar(&opts.dateAhead, "date-ahead", 0, "how far the Date header of each answer is ahead of the clock, such as 8h; negative: behind")
	flags.StringVar(&opts.paging, "paging", "cursor", "how a page refers to the next one: cursor; offset (next_offset only); unnamed (the client counts)")
	flags.IntVar(&opts.pageRows, "page-rows", 0, "maximum of conversations per page, even if a request asks for more; 0: no maximum")
	opts.audio.add(flags)
	return cmd
}

func runSimulate(ctx context.Context, app *app, opts simulateOptions) error {
	host, _, err := net.SplitHostPort(opts.listen)
	if err != nil {
		return usageError(fmt.Errorf("--listen %q is not an address: use host:port, such as 127.0.0.1:8088", opts.listen))
	}
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return usageError(fmt.Errorf("--listen %s is not a loopback address, and convsync sends keys over plain HTTP to loopback addresses only: use 127.0.0.1", opts.listen))
	}
	simulation, err := opts.simulation(time.Now().UTC())
	if err != nil {
		return err
	}
	simulator, err := simulate.New(simulation)
	if err != nil {
		return usageError(err)
	}
	listener, err := net.Listen("tcp", opts.listen)
	if err != nil {
		return fmt.Errorf("cannot listen: %w; choose another address with --listen", err)
	}
	fmt.Fprintf(app.stdout, "about %d made-up conversations of %s/%s at http://%s\n\nin another shell:\n"+
		"  convsync init --base-url http://%[4]s --account %[2]s --project %[3]s\n"+
		"  POLYAI_API_KEY=%[5]s convsync run\n\nStop it with Ctrl-C.\n",
		opts.conversations, opts.account, opts.project, listener.Addr(), orMadeUp(opts.key))
	return serveUntil(ctx, listener, simulator)
}

// orMadeUp returns the key to set: the simulator accepts any key, unless it has one.
func orMadeUp(key string) string {
	if key == "" {
		return "made-up-key-5c0ffee5"
	}
	return "..."
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() }) //nolint:errcheck // nothing is written
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// faultNames lists the faults for --fault.
var faultNames = []string{"429", "500", "502", "503", "reset", "cut", "stall", "malformed", "stale_cursor", "repeat_cursor",
	"fresh_cursor", "cycle_cursor", "erase_first", "drip"}

// allFaultNames are those of requests and of recordings.
var allFaultNames = slices.Concat(faultNames, audioFaultNames)

// parseFaults returns the faults of requests, and adds those of recordings to audio.
func (o *simulateOptions) parseFaults(audio *simulate.Audio) (simulate.Faults, error) {
	f := simulate.Faults{
		RateLimit:  o.rateLimit,
		RetryAfter: simulate.RetryAfter(o.retryAfter),
		Latency:    o.latency,
		DateAhead:  o.dateAhead,
		Share:      map[simulate.Fault]float64{},
	}
	if err := oneOf("retry-after", o.retryAfter, "seconds", "date", "missing"); err != nil {
		return f, err
	}
	for name, text := range o.faults {
		if err := oneOf("fault", name, allFaultNames...); err != nil {
			return f, err
		}
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || share < 0 || share > 1 {
			return f, usageError(fmt.Errorf("--fault %s=%s is not a share: use a number from 0 to 1", name, text))
		}
		if recording, ok := strings.CutPrefix(name, audioFaultPrefix); ok {
			audio.Share[simulate.AudioFault(recording)] = share
			continue
		}
		f.Share[simulate.Fault(name)] = share
	}
	return f, nil
}

// simulation returns the options of the simulator from the flags.
func (o *simulateOptions) simulation(now time.Time) (simulate.Options, error) {
	audio, err := o.audio.audio()
	if err != nil {
		return simulate.Options{}, err
	}
	faults, err := o.parseFaults(&audio)
	if err != nil {
		return simulate.Options{}, err
	}
	if o.conversations < 0 {
		return simulate.Options{}, usageError(errors.New("--conversations must be 0 or more"))
	}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	from := midnight.AddDate(0, 0, -30)
	if o.from != "" {
		if from, err = parseMoment("from", o.from); err != nil {
			return simulate.Options{}, err
		}
	}
	if !from.Before(now) {
		return simulate.Options{}, usageError(fmt.Errorf("--from %s is in the future: use a day in the past", o.from))
	}
	// Complete days, so that a restart on the same day has the same conversations.
	past, all := midnight.Sub(from)+24*time.Hour, midnight.AddDate(1, 0, 0).Sub(from)
	count := int(float64(o.conversations) * all.Hours() / past.Hours())
	if err := oneOf("paging", o.paging, "cursor", "offset", "unnamed"); err != nil {
		return simulate.Options{}, err
	}
	s := simulate.Options{
		Seed:     o.seed,
		APIKey:   o.key,
		Gzip:     true,
		Faults:   faults,
		Audio:    audio,
		PageRows: o.pageRows,
		Projects: []simulate.Project{{
			AccountID:    o.account,
			ID:           o.project,
			From:         from,
			To:           from.Add(all),
			Environments: []simulate.Environment{{Name: "live", Conversations: count}},
		}},
	}
	if o.deviations {
		s.Deviations = simulate.AllDeviations()
	}
	if o.paging != "cursor" {
		s.Paging = simulate.Paging(o.paging)
	}
	return s, nil
}

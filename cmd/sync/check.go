package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/plural"
	"convsync/internal/polyai"
	"convsync/internal/serve"
)

func newCheckCommand(app *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, the API key, the source and the destination",
		Long: "Check prints one line per check: ok, a note, or what is wrong and how to fix it. It requests one page of the last day\n" +
			"per project and environment, and leaves nothing in the destination.",
		Example: "  convsync check\n  convsync check --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runCheck(cmd.Context(), app, output) },
	}
	cmd.Flags().StringVar(&output, "output", "text", "output format: text or json")
	return cmd
}

// checklist prints findings and remembers whether one was bad.
type checklist struct {
	w             io.Writer
	found         []checked
	failed        int
	misconfigured bool // something was, which no request was needed to find

	answered map[string]string // by project as stored: its id as the source answers it
}

// checked is a line of the checklist.
type checked struct {
	What    string            `json:"check"`
	Verdict string            `json:"verdict"` // ok, attention or failing
	Message string            `json:"message"`
	Error   *pipeline.Failure `json:"error"` // null unless it is failing
}

// checkReport is `convsync check --output json`.
type checkReport struct {
	Verdict string    `json:"verdict"` // the worst of its checks
	Checks  []checked `json:"checks"`
}

func (c *checklist) note(what, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.found = append(c.found, checked{What: what, Verdict: serve.VerdictAttention, Message: text})
	fmt.Fprintf(c.w, "note  %-12s %s\n", what, text)
}

func (c *checklist) report() checkReport {
	r := checkReport{Verdict: serve.VerdictOK, Checks: c.found}
	for i := range c.found {
		if v := c.found[i].Verdict; v == serve.VerdictFailing || r.Verdict == serve.VerdictOK {
			r.Verdict = v
		}
	}
	return r
}

func (c *checklist) ok(what, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.found = append(c.found, checked{What: what, Verdict: serve.VerdictOK, Message: text})
	fmt.Fprintf(c.w, "ok    %-12s %s\n", what, text)
}

func (c *checklist) wrong(what string, err error) {
	c.failed++
	failure := failureOf(context.Background(), err)
	c.found = append(c.found, checked{what, serve.VerdictFailing, failure.Message, failure})
	c.misconfigured = c.misconfigured || isSecret(err) || load.IsMisconfigured(err)
	fmt.Fprintf(c.w, "FAIL  %-12s %s\n", what, strings.ReplaceAll(err.Error(), "\n", "\n                   "))
}

// misconfigure is wrong, by what is configured.
func (c *checklist) misconfigure(what string, err error) {
	c.misconfigured = true
	c.wrong(what, err)
}

// end returns the error for everything that was wrong; nil if nothing was.
func (c *checklist) end() error {
	if c.failed == 0 {
		return nil
	}
	code := exitFailed
	if c.misconfigured {
		code = exitUsage
	}
	return codedError(code, fmt.Errorf("%s failed", plural.Count(int64(c.failed), "check")))
}

func runCheck(ctx context.Context, app *app, output string) error {
	if err := oneOf("output", output, "text", "json"); err != nil {
		return err
	}
	c := &checklist{w: app.hints(app.stdout)}
	if output == "json" {
		c.w = io.Discard
	}
	err := checkAll(ctx, c, app)
	if output == "json" {
		err = errors.Join(err, json.NewEncoder(app.stdout).Encode(c.report()))
	}
	return err
}

// checkAll runs all checks.
func checkAll(ctx context.Context, c *checklist, app *app) error {
	cfg, err := app.loadConfig()
	if err != nil {
		c.wrong("config", err)
		return configError(errors.New("fix the configuration first"))
	}
	file := cfg.File
	if file == "" {
		file = "environment variables"
	}
	c.ok("config", "%s: %s, loaded into %s", file, plural.Count(int64(len(cfg.Projects)), "project"), cfg.Destination.String())
	c.answered = map[string]string{}
	for i := range cfg.Projects {
		checkProject(ctx, c, app, cfg, &cfg.Projects[i])
	}
	checkDestination(ctx, c, cfg)
	checkStore(ctx, c, cfg)
	checkServe(ctx, c, cfg)
	checkReportFolders(c, cfg)
	checkNotify(ctx, c, cfg)
	return c.end()
}

// checkProject asks for the last day's newest conversations of each environment.
func checkProject(ctx context.Context, c *checklist, app *app, cfg *config.Config, p *config.Project) {
	key := keptKey(&p.APIKey, nil)
	if _, err := key(ctx, false); err != nil {
		c.misconfigure("key", fmt.Errorf("%s: %w", p.ID, err))
		return
	}
	client, err := newClient(cfg, p, key)
	if err != nil {
		c.misconfigure("host", fmt.Errorf("%s: %w", p.ID, err))
		return
	}
	var ended []string
	for _, environment := range p.Environments {
		sample, err := takeSample(ctx, client, cfg, p, environment)
		name := p.ID + " (" + environment + ")"
		switch {
		case polyai.IsAuth(err):
			c.wrong("key", fmt.Errorf("%s: %w", name, err))
			return
		case err != nil:
			c.wrong("source", fmt.Errorf("%s: %w", name, err))
			return
		}
		c.ok("source", "%s at %s: key and project are accepted", name, dataURL(p))
		if sample.project != "" {
			c.answered[p.StoredID] = sample.project
		}
		if difference := extract.ClockDifference(sample.server, sample.local); !sample.server.IsZero() && difference != "" {
			c.note("clock", "%s: %s; runs read up to the later time, but count as read only what started before the earlier one: correct the wrong clock", name, difference)
		}
		sample.print(c, name, cfg)
		ended = append(ended, sample.ended...)
	}
	checkRecordings(ctx, c, app, cfg, p, ended[:min(mostSampled, len(ended))])
}

// sample counts what one page of the last day contains of a feed.
type sample struct {
	conversations, withTurns, hidden, latencies, unreadable int
	bytes                                                   int64
	more                                                    bool
	oldest, newest                                          polyai.Micros
	project                                                 string    // its id, as the first conversation that has one says
	server, local                                           time.Time // the clocks when the answer came
	days                                                    float64   // that were asked for
	ended                                                   []string  // ids of conversations, mostSampled at most
}

// takeSample requests the last day by the local clock. If server time differs,
// the range is extended to include both.
func takeSample(ctx context.Context, client *polyai.Client, cfg *config.Config, p *config.Project, environment string) (s sample, err error) {
	now := time.Now()
	s, err = samplePage(ctx, client, cfg, p, environment, now, now)
	if err != nil || s.server.IsZero() || extract.ClockDifference(s.server, s.local) == "" {
		return s, err
	}
	first, last := s.server, s.local
	if last.Before(first) {
		first, last = last, first
	}
	return samplePage(ctx, client, cfg, p, environment, first, last)
}

// samplePage asks for one page of what started from a day before first to last,
// of a smaller size where the source refuses the configured one, as runs do.
func samplePage(ctx context.Context, client *polyai.Client, cfg *config.Config, p *config.Project, environment string, first, last time.Time) (s sample, err error) {
	query := polyai.ListQuery{
		AccountID:      p.AccountID,
		ProjectID:      p.ID,
		Environment:    environment,
		Start:          first.Add(-24 * time.Hour),
		End:            last,
		Limit:          cfg.Sync.PageSize,
		IncludeLatency: true,
	}
	page, err := client.List(ctx, query)
	for polyai.IsLimitRefused(err) {
		lower, ok := extract.LowerLimit(query.Limit)
		if !ok {
			break
		}
		query.Limit = lower
		page, err = client.List(ctx, query)
	}
	if err != nil {
		return s, err
	}
	s.server, s.local, s.days = page.ServerTime(), time.Now(), 1+last.Sub(first).Hours()/24
	defer func() { err = errors.Join(err, page.Close()) }()
	for {
		v, err := page.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if broken := (*polyai.BrokenError)(nil); errors.As(err, &broken) {
			s.conversations++
			s.unreadable++
			continue
		}
		if err != nil {
			return s, err
		}
		s.add(v)
	}
	link := page.Link()
	s.bytes, s.more = page.Bytes(), link.Named() || link.MayBeOmitted && s.conversations >= query.Limit
	return s, nil
}

func (s *sample) add(v polyai.Value) {
	s.conversations++
	conversation, err := polyai.Decode(v)
	if err != nil {
		s.unreadable++
		return
	}
	s.project = cmp.Or(s.project, conversation.ProjectID)
	if s.oldest == 0 || conversation.StartedAt < s.oldest {
		s.oldest = conversation.StartedAt
	}
	s.newest = max(s.newest, conversation.StartedAt)
	if inProgress := conversation.InProgress; len(s.ended) < mostSampled && inProgress.Valid && !inProgress.V {
		s.ended = append(s.ended, conversation.ID)
	}
	switch {
	case len(conversation.Turns) > 0:
		s.withTurns++
	case conversation.NumTurns.V > 0:
		s.hidden++
	}
	for i := range conversation.Turns {
		if conversation.Turns[i].LatencySeconds.Valid {
			s.latencies++
			break
		}
	}
}

func (s *sample) print(c *checklist, name string, cfg *config.Config) {
	if s.conversations == 0 {
		c.note("transcripts", "%s: no conversations in the last 24 hours, so transcripts and latency could not be checked", name)
		return
	}
	if s.unreadable > 0 {
		c.note("rejects", "%s: %d of %d conversations cannot be read; runs store them in the table rejects", name, s.unreadable, s.conversations)
	}
	switch {
	case s.hidden > 0:
		c.note("transcripts", "%s: hidden in %d of %d conversations; if you need them, ask PolyAI to make them visible to this key", name, s.hidden, s.conversations)
	default:
		c.ok("transcripts", "%s: visible in %d of %d conversations", name, s.withTurns, s.conversations)
	}
	if s.latencies > 0 {
		c.ok("latency", "%s: present in %d of %d conversations", name, s.latencies, s.conversations)
	} else {
		c.note("latency", "%s: not present in any conversation; latency columns will be NULL", name)
	}
	daily := s.daily()
	nightly := daily * cfg.Sync.Lookback.Daily.Hours() / 24
	often := nightly + daily*cfg.Sync.Lookback.Hourly.Hours() + daily*12*cfg.Sync.Lookback.EachRun.Hours()
	each := float64(s.bytes) / float64(s.conversations)
	page := float64(cfg.Sync.PageSize)
	c.ok("lookback", "%s: about %s a day; the lookback costs about %s and %.2f GB a day with a nightly run, or about %.0f requests and %.2f GB with a run every 5 minutes",
		name, plural.Count(int64(math.Round(daily)), "conversation"), plural.Count(int64(math.Round(nightly/page+1)), "request"), nightly*each/1e9, often/page+24*13, often*each/1e9)
}

// daily is the approximate number of conversations per day.
func (s *sample) daily() float64 {
	if !s.more {
		return float64(s.conversations) / s.days
	}
	span := max(time.Duration(s.newest-s.oldest)*time.Microsecond, time.Second)
	return float64(s.conversations) * float64(24*time.Hour) / float64(span)
}

// listedFiles is how many findings about stored files are listed.
const listedFiles = 5

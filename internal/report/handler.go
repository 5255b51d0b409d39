package report

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// The limits of a [Handler].
const (
	// fresh is how long a page is served again without computing it.
	fresh = 2 * time.Minute
	// keptPages is the number of pages that are kept.
	keptPages = 8
	// queued is the number of pages that may be computed or wait for that.
	queued = 4
	// computing limits the time that a page may take.
	computing = 5 * time.Minute
	// answerWithin is shorter than the time after which a server closes a connection.
	answerWithin = 25 * time.Second
)

// HandlerOptions configure a [Handler].
type HandlerOptions struct {
	Open    Open
	Version string
	Nav     Navigation
	// Knows reports whether a project is configured.
	Knows func(project string) bool
	Log   *slog.Logger
}

// Handler serves the report: a period by the query parameters from, to, days, compare,
// project and environment. One report is computed at a time, and the same page is
// computed once for all who wait for it, so that reloads cannot overload the destination.
type Handler struct {
	HandlerOptions
	stop context.CancelFunc
	ctx  context.Context // of computations, which outlive their request
	work chan struct{}   // has one place: of the page that is being computed
	all  sync.WaitGroup

	mu    sync.Mutex
	pages map[string]*computed // by their options
}

// NewHandler creates a handler. The caller must close it.
func NewHandler(o HandlerOptions) *Handler {
	h := &Handler{HandlerOptions: o, work: make(chan struct{}, 1), pages: map[string]*computed{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close cancels what is being computed, and waits for its end. It follows the end of the
// server.
func (h *Handler) Close() {
	h.stop()
	h.all.Wait()
}

// Collect is [Collect] for the destination of the handler. It waits until no page is being
// computed.
func (h *Handler) Collect(ctx context.Context, o Options) (*Report, error) {
	select {
	case h.work <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-h.work }()
	return Collect(ctx, h.Open, o)
}

// computed is a page, or one that is being computed.
type computed struct {
	done chan struct{} // closed at the end
	page []byte
	err  error
	at   time.Time // the end
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, err := h.options(r.URL.Query())
	if err != nil {
		http.Error(w, "The report cannot be shown: "+err.Error()+".", http.StatusBadRequest)
		return
	}
	c := h.page(o, time.Now())
	if c == nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many reports are being computed: try again in a minute.", http.StatusServiceUnavailable)
		return
	}
	select {
	case <-c.done:
	case <-r.Context().Done():
		return
	case <-time.After(answerWithin):
		w.Header().Set("Retry-After", "10")
		http.Error(w, "The report is still being computed: reload this page in a moment.", http.StatusServiceUnavailable)
		return
	}
	if c.err != nil {
		http.Error(w, "The report cannot be computed now; the log of convsync says why.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", Policy())
	_, _ = w.Write(c.page)
}

// options reads the query parameters.
func (h *Handler) options(q url.Values) (o Options, err error) {
	for name := range q {
		if !slices.Contains([]string{"from", "to", "days", "compare", "project", "environment"}, name) {
			return o, fmt.Errorf("the parameter %q is not known; expected from, to, days, compare, project or environment", name)
		}
	}
	o = Options{Environment: cmp.Or(q.Get("environment"), "live"), Version: h.Version, Projects: q["project"]}
	if !slices.Contains(warehouse.Environments, o.Environment) {
		return o, fmt.Errorf("the environment %q is not known; expected one of %s", o.Environment, strings.Join(warehouse.Environments, ", "))
	}
	for _, id := range o.Projects {
		if !h.Knows(id) {
			return o, fmt.Errorf("the project %q is not configured", id)
		}
	}
	slices.Sort(o.Projects)
	o.Projects = slices.Compact(o.Projects)
	if o.Period, err = ParsePeriod(q.Get("from"), q.Get("to")); err != nil {
		return o, err
	}
	if text := q.Get("days"); text != "" {
		if o.Days, err = strconv.Atoi(text); err != nil || o.Days < 1 || o.Days > MaxDays {
			return o, fmt.Errorf("days %q is not a number from 1 to %d", text, MaxDays)
		}
	}
	if text := q.Get("compare"); text != "" {
		if o.Compare, err = strconv.ParseBool(text); err != nil {
			return o, fmt.Errorf("compare %q is neither 1 nor 0", text)
		}
	}
	return o, nil
}

// page returns the page of a request, which may not be computed yet; nil: too many
// pages wait.
func (h *Handler) page(o Options, now time.Time) *computed {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := fmt.Sprintf("%#v", o) // quoted, so that no two projects look like one
	if c := h.pages[key]; c != nil && (c.at.IsZero() || now.Sub(c.at) < fresh) {
		return c
	}
	if h.drop(now); h.inProgress() >= queued {
		return nil
	}
	c := &computed{done: make(chan struct{})}
	h.pages[key] = c
	h.all.Go(func() { h.compute(c, o) })
	return c
}

// inProgress counts the pages that are not computed yet.
func (h *Handler) inProgress() (n int) {
	for _, c := range h.pages {
		if c.at.IsZero() {
			n++
		}
	}
	return n
}

// drop removes pages that are old, and the oldest ones if there are too many.
func (h *Handler) drop(now time.Time) {
	for len(h.pages) > 0 {
		oldest := ""
		for key, c := range h.pages {
			if !c.at.IsZero() && (oldest == "" || c.at.Before(h.pages[oldest].at)) {
				oldest = key
			}
		}
		if oldest == "" || len(h.pages) < keptPages && now.Sub(h.pages[oldest].at) < fresh {
			return
		}
		delete(h.pages, oldest)
	}
}

// compute computes a page, also if the request is canceled: the next one gets it. An error
// is not kept.
func (h *Handler) compute(c *computed, o Options) {
	h.work <- struct{}{}
	defer func() { <-h.work }()
	ctx, cancel := context.WithTimeout(h.ctx, computing)
	defer cancel()
	page, err := h.render(ctx, o)
	if err != nil && h.ctx.Err() == nil {
		h.Log.Error("the report cannot be computed", panics.LogArgs(err)...)
	}
	h.mu.Lock()
	c.page, c.err, c.at = page, err, time.Now()
	if err != nil {
		c.at = c.at.Add(-fresh)
	}
	h.mu.Unlock()
	close(c.done)
}

// render computes a page. A panic ends only this page.
func (h *Handler) render(ctx context.Context, o Options) (page []byte, err error) {
	defer panics.Recover(&err)
	o.Now = time.Now()
	r, err := Collect(ctx, h.Open, o)
	if err != nil {
		return nil, err
	}
	nav := h.Nav
	nav.Projects = o.Projects
	return r.PageWith(&nav)
}

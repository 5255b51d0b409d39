package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"convsync/internal/polyai"
)

const (
	maxRestarts     = 3  // of a slice whose cursor became stale, or whose list changed
	maxPages        = 16 // expected pages up to which a slice is not cut
	mostPages       = 64 // pages after which a slice is cut, however few are expected to follow
	recut           = 4  // minimum number of parts that a dense slice is cut into
	defaultMinPages = 4  // pages of a slice that are read before isDense can be true
)

// denseError means that a slice has too many pages to be read one after another.
type denseError struct{ seen sample }

func (e *denseError) Error() string { return "the slice is dense" }

// sample holds what a walk has observed of its slice, to estimate how many pages
// follow. The order of pages is not documented, so the estimate may be wrong; that
// costs requests and has no other effect.
type sample struct {
	conversations int
	first, last   polyai.Micros // earliest and latest start that lies in the requested range
	inside        int           // starts that were examined and lie in it
	outside       int           // starts that were examined and do not
}

// look adds a chunk: the starts of its first and its last conversation. Starts
// outside of the requested range, such as in the year 9999, are ignored in the
// density.
func (s *sample) look(c *Chunk, asked Span) {
	if c.Len() == 0 {
		return // all conversations are broken
	}
	for _, v := range []polyai.Value{c.value(0), c.value(c.Len() - 1)} {
		at, ok := startOf(v)
		second := Second(at / 1e6)
		switch {
		case !ok:
			continue
		case second < asked.From-1 || second > asked.Until+1:
			s.outside++
			continue
		}
		s.inside++
		if s.first == 0 || at < s.first {
			s.first = at
		}
		s.last = max(s.last, at)
	}
	s.conversations += c.Len()
}

// seconds returns the time from the earliest to the latest start, plus 1.
func (s *sample) seconds() Second { return Second((s.last-s.first)/1e6) + 1 }

// elsewhere reports whether most of the examined starts lie outside of the
// requested range.
func (s *sample) elsewhere() bool { return s.outside > s.inside }

// density returns conversations per second. There is one interval fewer than
// there are conversations.
func (s *sample) density() float64 { return float64(s.conversations-1) / float64(s.seconds()) }

// rest estimates how many pages of the span are still to be read.
func (s *sample) rest(span Span, pageSize int) float64 {
	return s.density() * float64(max(span.Seconds()-s.seconds(), 0)) / float64(pageSize)
}

// startOf returns the start of a conversation without decoding it completely.
func startOf(v polyai.Value) (polyai.Micros, bool) {
	for name, value := range v.Members() {
		if name == "started_at" {
			return polyai.ParseTime(value.Text())
		}
	}
	return 0, false
}

// walk is the reading of a slice, page after page.
type walk struct {
	*Reader
	span     Span
	ask      Span       // wider than the span
	tight    bool       // requests are not widened: see bounds
	until    *time.Time // replaces the end of its requests; nil: not replaced
	minPages int        // pages that are read before isDense can be true
	first    *request   // of its first page, already sent; nil: not sent yet
	emit     Emit
	seen     sample
}

// readSlice reads the pages of a slice to the last one. It starts again from the
// first page if a cursor became stale, or the list changed or grew between two pages.
func (r *Reader) readSlice(ctx context.Context, w *walk) error {
	for restarts := 0; ; restarts++ {
		w.seen = sample{}
		err := w.pages(ctx)
		again := polyai.IsStaleCursor(err) || errors.Is(err, errCursorRepeated) || errors.Is(err, errListChanged) ||
			errors.Is(err, errNextNotNamed) // the list may have grown behind its last page
		switch {
		case err == nil:
			w.Session.account(w.ProjectID).sliceRead()
			return nil
		case errors.Is(err, errNothingNew):
			w.Session.account(w.ProjectID).sliceEndless()
			return err
		case !again:
			return err
		case restarts == maxRestarts:
			return fmt.Errorf("gave up after the slice was read %d times: %w", restarts+1, err)
		}
		r.log("reading a slice again from its start", "slice", w.span.String(), "because", err.Error())
		r.Stats.Retries.Add(1)
	}
}

func (w *walk) query() polyai.ListQuery {
	start, end := w.bounds()
	return polyai.ListQuery{
		AccountID:      w.AccountID,
		ProjectID:      w.ProjectID,
		Environment:    w.Environment,
		Start:          start,
		End:            end,
		Limit:          w.PageSize,
		IncludeLatency: true,
	}
}

func (w *walk) pages(ctx context.Context) error {
	q := w.query()
	pager := newPager(w.Session.account(w.ProjectID), w.slice)
	next := w.first
	w.first = nil // a restart requests the page again
	if next == nil {
		next = w.newRequest(q)
	}
	for pages := 1; ; pages++ {
		got, err := next.read(ctx, w.look)
		if err != nil {
			return err
		}
		more, err := pager.next(&q, got)
		switch {
		case err != nil:
			return err
		case !more && w.isFull(&q, got):
			return w.confirmEnd(ctx, pager)
		case !more:
			return nil
		case w.isDense(pages):
			return &denseError{w.seen}
		}
		next = w.newRequest(q)
	}
}

// isFull reports whether a page is full and names no next page, although its
// source names next pages.
func (w *walk) isFull(q *polyai.ListQuery, got *answered) bool {
	return len(got.keys) >= max(1, min(q.Limit, w.pageSize())) && !got.link.Named() && !got.link.MayBeOmitted
}

// confirmEnd requests the row after the last one, and fails if there is one. It
// detects a source that names the next page in a new way, which would otherwise
// seem to have only one page. A source without offsets returns a row that was
// read before, or refuses the request.
func (w *walk) confirmEnd(ctx context.Context, p *pager) error {
	q := w.query()
	q.Offset, q.Limit = int64(len(p.seen)), 1
	once := *w.Reader
	once.givesUp = func(int, error) bool { return true }
	got, err := once.page(ctx, q, w.emit)
	switch {
	case err == nil:
	case concernsRequest(err) && ctx.Err() == nil:
		return nil
	default:
		return err
	}
	if slices.ContainsFunc(got.keys, func(key rowKey) bool { return !p.seen[key] }) {
		return errNextNotNamed
	}
	return nil
}

// look emits a chunk and adds it to the sample.
func (w *walk) look(ctx context.Context, c *Chunk) error {
	w.seen.look(c, w.ask)
	return w.emit(ctx, c)
}

// isDense reports whether it is better to cut the slice than to continue, after
// the given number of pages. The more pages were read, the more would be lost.
func (w *walk) isDense(pages int) bool {
	switch {
	case pages < w.minPages || w.span.Seconds() <= 1:
		return false
	case w.seen.elsewhere(): // the source ignores the requested range: parts would be as dense
		return false
	case w.seen.first == 0: // the density is unknown
		return pages >= maxPages
	}
	return pages >= mostPages || w.seen.rest(w.span, w.pageSize()) > float64(maxPages*pages)
}

// parts returns into how many slices a dense one is cut.
func (e *denseError) parts(span Span, pageSize int) int {
	if e.seen.first == 0 {
		return recut
	}
	pages := e.seen.density() * float64(span.Seconds()) / float64(pageSize)
	return max(recut, int(min(pages/slicePages, maxSlices)))
}

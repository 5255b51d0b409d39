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
	maxRestarts = 3  // of a slice whose cursor went stale, or whose list changed
	maxPages    = 16 // that are good to walk in a row
	mostPages   = 64 // of a slice, whatever is expected of it
	recut       = 4  // parts that a dense slice is cut into, at least
	unhurried   = 4  // pages of a slice before it is asked whether it is dense
)

// denseError says that a slice has more pages than are good to walk in a row.
type denseError struct{ seen sighting }

func (e *denseError) Error() string { return "the slice is dense" }

// sighting is what a walk has seen of its slice. It guesses from this what is
// to come, and a wrong guess costs requests and nothing else: which pages come
// in which order is not known.
type sighting struct {
	conversations int
	first, last   polyai.Micros // starts, of those that were looked at and lie where it was asked for
	inside        int           // that were looked at and lie there
	outside       int           // and do not
}

// look takes in a chunk: the starts of its first and its last conversation.
// What started outside of what was asked for, such as in the year 9999, says
// nothing about the density.
func (s *sighting) look(c *Chunk, asked Span) {
	if c.Len() == 0 {
		return // all are broken
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

// shown is how many seconds lie between the conversations that were seen.
func (s *sighting) shown() Second { return Second((s.last-s.first)/1e6) + 1 }

// elsewhere reports whether most of what was seen does not lie where it was
// asked for.
func (s *sighting) elsewhere() bool { return s.outside > s.inside }

// density is in conversations a second. There is one more of them than there
// are intervals between them.
func (s *sighting) density() float64 { return float64(s.conversations-1) / float64(s.shown()) }

// rest guesses how many pages of the span are still to come.
func (s *sighting) rest(span Span, pageSize int) float64 {
	return s.density() * float64(max(span.Seconds()-s.shown(), 0)) / float64(pageSize)
}

// startOf is the start of a conversation, without the work of decoding it.
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
	tight    bool       // asks for no more than that: see bounds
	until    *time.Time // another end of its requests; nil: none
	patience int        // pages before it is asked whether the slice is dense
	emit     Emit
	seen     sighting
}

// readSlice walks the pages of a slice to the last. It starts again from the
// first page when a cursor went stale or the list changed between two pages.
func (r *Reader) readSlice(ctx context.Context, w *walk) error {
	for restarts := 0; ; restarts++ {
		w.seen = sighting{}
		err := w.pages(ctx)
		again := polyai.IsStaleCursor(err) || errors.Is(err, errCursorRepeated) || errors.Is(err, errListChanged)
		switch {
		case err == nil:
			w.Budget.account(w.ProjectID).sliceRead()
			return nil
		case errors.Is(err, errNothingNew):
			w.Budget.account(w.ProjectID).sliceEndless()
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
		AccountID: w.AccountID, ProjectID: w.ProjectID, Environment: w.Environment,
		Start: start, End: end, Limit: w.PageSize, IncludeLatency: true,
	}
}

func (w *walk) pages(ctx context.Context) error {
	q := w.query()
	pager := newPager(w.Budget.account(w.ProjectID), w.slice)
	for pages := 1; ; pages++ {
		got, err := w.page(ctx, q, w.look)
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
	}
}

// isFull reports whether a page has no room for more conversations, and names no
// next page although its source always does.
func (w *walk) isFull(q *polyai.ListQuery, got *answered) bool {
	return len(got.keys) >= max(1, min(q.Limit, w.pageSize())) && !got.link.Named() && !got.link.MayBeOmitted
}

// confirmEnd asks for the row behind the last one. A source that renamed its
// cursor would else seem to have nothing behind its first pages. A source
// without offsets answers a row that was seen, or refuses.
func (w *walk) confirmEnd(ctx context.Context, p *pager) error {
	q := w.query()
	q.Offset, q.Limit = int64(len(p.seen)), 1
	once := *w.Reader
	once.givesUp = func(int, error) bool { return true }
	got, err := once.page(ctx, q, w.emit)
	switch {
	case err == nil:
	case ofThisRequest(err) && ctx.Err() == nil:
		return nil
	default:
		return err
	}
	if slices.ContainsFunc(got.keys, func(key rowKey) bool { return !p.seen[key] }) {
		return errNextNotNamed
	}
	return nil
}

// look hands a chunk on, and remembers where it lies.
func (w *walk) look(ctx context.Context, c *Chunk) error {
	w.seen.look(c, w.ask)
	return w.emit(ctx, c)
}

// isDense reports whether the slice is better cut than walked on, after so many
// of its pages. The more were walked, the more they are worth.
func (w *walk) isDense(pages int) bool {
	switch {
	case pages < w.patience || w.span.Seconds() <= 1:
		return false
	case w.seen.elsewhere(): // the source ignores what it is asked for: parts would be as dense
		return false
	case w.seen.first == 0: // nothing is known
		return pages >= maxPages
	}
	return pages >= mostPages || w.seen.rest(w.span, w.pageSize()) > float64(maxPages*pages)
}

// parts is how many slices are to be made of a dense one.
func (e *denseError) parts(span Span, pageSize int) int {
	if e.seen.first == 0 {
		return recut
	}
	pages := e.seen.density() * float64(span.Seconds()) / float64(pageSize)
	return max(recut, int(min(pages/slicePages, maxSlices)))
}

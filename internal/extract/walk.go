package extract

import (
	"context"
	"errors"

	"convsync/internal/polyai"
)

const (
	maxRestarts = 3  // of a slice whose cursor went stale
	maxPages    = 16 // that are good to walk in a row
	mostPages   = 64 // of a slice, whatever is expected of it
	recut       = 4  // parts that a dense slice is cut into, at least
	unhurried   = 4  // pages of a slice before it is asked whether it is dense
)

// denseError says that a slice has more pages than are good to walk in a row.
type denseError struct{ seen sighting }

func (e *denseError) Error() string { return "the slice is dense" }

var errCursorRepeated = errors.New("the source repeated a cursor: it would answer the same pages for ever")

// sighting is what a walk has seen of its slice. It guesses from this what is
// to come, and a wrong guess costs requests and nothing else: which pages come
// in which order is not known.
type sighting struct {
	conversations int
	first, last   polyai.Micros // starts, of those that were looked at
}

// look takes in a chunk: the starts of its first and its last conversation.
func (s *sighting) look(c *Chunk) {
	for _, v := range []polyai.Value{c.value(0), c.value(c.Len() - 1)} {
		at, ok := startOf(v)
		if !ok {
			continue
		}
		if s.first == 0 || at < s.first {
			s.first = at
		}
		s.last = max(s.last, at)
	}
	s.conversations += c.Len()
}

// shown is how many seconds lie between the conversations that were seen.
func (s *sighting) shown() Second { return Second((s.last-s.first)/1e6) + 1 }

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
	ask      Span // wider than the span
	patience int  // pages before it is asked whether the slice is dense
	emit     Emit
	seen     sighting
}

// readSlice walks the pages of a slice to the last. A stale cursor begins it anew.
func (r *Reader) readSlice(ctx context.Context, w *walk) error {
	for restarts := 0; ; restarts++ {
		w.seen = sighting{}
		err := w.pages(ctx)
		stale := polyai.IsStaleCursor(err) || errors.Is(err, errCursorRepeated)
		if err == nil || !stale || restarts == maxRestarts {
			return err
		}
		r.log("reading a slice again from its start", "slice", w.span.String(), "because", err.Error())
		r.Stats.Retries.Add(1)
	}
}

func (w *walk) pages(ctx context.Context) error {
	q := polyai.ListQuery{
		AccountID: w.AccountID, ProjectID: w.ProjectID, Environment: w.Environment,
		// A second more on both sides: nothing says whether the ends are inclusive.
		Start: (w.ask.From - 1).Time(), End: (w.ask.Until + 1).Time(),
		Limit: w.PageSize, IncludeLatency: true,
	}
	cursors := map[string]bool{}
	for pages := 1; ; pages++ {
		next, err := w.page(ctx, q, w.look)
		switch {
		case err != nil:
			return err
		case next == "":
			return nil
		case cursors[next]:
			return errCursorRepeated
		case w.isDense(pages):
			return &denseError{w.seen}
		}
		cursors[next] = true
		q.Cursor = next
	}
}

// look hands a chunk on, and remembers where it lies.
func (w *walk) look(ctx context.Context, c *Chunk) error {
	w.seen.look(c)
	return w.emit(ctx, c)
}

// isDense reports whether the slice is better cut than walked on, after so many
// of its pages. The more were walked, the more they are worth.
func (w *walk) isDense(pages int) bool {
	switch {
	case pages < w.patience || w.span.Seconds() <= 1:
		return false
	case w.seen.first == 0: // nothing is known
		return pages >= maxPages
	}
	return pages >= mostPages || w.seen.rest(w.span, w.PageSize) > float64(maxPages*pages)
}

// parts is how many slices are to be made of a dense one.
func (e *denseError) parts(span Span, pageSize int) int {
	if e.seen.first == 0 {
		return recut
	}
	pages := e.seen.density() * float64(span.Seconds()) / float64(pageSize)
	return max(recut, int(min(pages/slicePages, maxSlices)))
}

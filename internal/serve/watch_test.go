package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/warehouse"
)

func TestTheDestinationIsReadInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: discard})
		ctx, stop := context.WithCancel(t.Context())
		go w.run(ctx)
		synctest.Wait()
		if w.snapshot().at.IsZero() {
			t.Fatal("nothing was read at the start")
		}
		first := w.snapshot().at
		wait(watchEvery + time.Second)
		if !w.snapshot().at.After(first) {
			t.Error("it was not read again")
		}
		before := destination.read
		w.hurry()
		synctest.Wait()
		if destination.read != before+1 {
			t.Error("it was not read when asked to")
		}
		stop()
		synctest.Wait()
	})
}

func TestADestinationThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: discard})
		w.refresh(t.Context())
		known := w.snapshot().at
		destination.hangs = true
		begun := time.Now()
		w.refresh(t.Context())
		w.refresh(t.Context())
		s := w.snapshot()
		if took := time.Since(begun); took != 2*watchTimeout {
			t.Errorf("it was given up after %s", took)
		}
		if s.failing.Sub(begun) != watchTimeout || !errors.Is(s.err, context.DeadlineExceeded) {
			t.Errorf("it fails since %s: %v", s.failing, s.err)
		}
		if s.at != known || len(s.states) != 1 {
			t.Error("what was known is lost")
		}
	})
}

func TestHowLongADestinationWasAwayIsLoggedInSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		var log bytes.Buffer
		w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: slog.New(slog.NewJSONHandler(&log, nil))})
		destination.away = errAway
		w.refresh(t.Context())
		wait(25 * time.Second)
		destination.away = nil
		w.refresh(t.Context())
		if want := `"msg":"the destination can be read again","seconds":25}`; !strings.Contains(log.String(), want) {
			t.Errorf("%s\ndoes not have %s", log.String(), want)
		}
	})
}

func TestRejectsAreReadOnlyWhenTheirNumberChanges(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	f := feeds[0].key()
	w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: discard})
	for _, n := range []int64{0, 2, 2, 2, 3} {
		summary := destination.summaries[f]
		summary.Rejects = n
		destination.summaries[f] = summary
		destination.rejects = make([]warehouse.Reject, n)
		for i := range destination.rejects {
			destination.rejects[i] = warehouse.Reject{ProjectID: f.ProjectID, Reason: "it has no id"}
		}
		w.refresh(t.Context())
	}
	if destination.rejected != 2 {
		t.Errorf("they were read %d times", destination.rejected)
	}
	if r := w.snapshot().reasons[f]; len(r) != 1 || r[0].count != 3 {
		t.Errorf("the reasons are %v", r)
	}
}

func TestChartsAreDrawnAfterARunAndKeptWhenTheyFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		drawn, failing := 0, error(nil)
		w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: discard, Charts: func(context.Context) ([]Chart, error) {
			drawn++
			return []Chart{{Title: "Conversations"}}, failing
		}})
		w.refresh(t.Context())
		w.refresh(t.Context())
		if drawn != 1 {
			t.Errorf("without a run they were drawn %d times", drawn)
		}
		wait(time.Minute)
		destination.runs[0].FinishedAt = warehouse.Some(warehouse.TimestampOf(time.Now()))
		wait(time.Second)
		failing = errAway
		w.refresh(t.Context())
		s := w.snapshot()
		if drawn != 2 || s.chartsErr == nil || len(s.charts) != 1 {
			t.Errorf("drawn %d times, %d charts are kept with %v", drawn, len(s.charts), s.chartsErr)
		}
	})
}

func TestAPanicOfTheDestinationIsItsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		inCharts, inAlerts := true, false
		fail := func(now bool) {
			if now {
				panic("made up")
			}
		}
		w := newWatch(&Options{
			Destination: destination,
			Feeds:       feeds,
			Log:         discard,
			Charts:      func(context.Context) ([]Chart, error) { fail(inCharts); return nil, nil },
			Alerts:      func(context.Context) ([]warehouse.ActiveAlert, error) { fail(inAlerts); return nil, nil },
		})
		w.refresh(t.Context())
		if s := w.snapshot(); s.err != nil || s.chartsErr == nil || len(s.states) != 1 {
			t.Errorf("charts: %v, %v, %d feeds", s.err, s.chartsErr, len(s.states))
		}
		inAlerts = true
		w.refresh(t.Context())
		if s := w.snapshot(); s.err == nil || len(s.states) != 1 {
			t.Errorf("alerts: %v, %d feeds", s.err, len(s.states))
		}
	})
}

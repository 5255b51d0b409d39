package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"convsync/internal/pipeline"
)

// progressInterval is how often the line of progress is drawn.
const progressInterval = 200 * time.Millisecond

// showProgress draws how far a run is, on a terminal; elsewhere nothing. stop
// wipes the line away.
func (a *app) showProgress(progress *pipeline.Progress) (stop func()) {
	if !isTerminal(a.terminal) {
		return func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(a.terminal),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(progressInterval),
	)
	done := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for started := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				drawProgress(bar, progress, time.Since(started))
			}
		}
	})
	return func() {
		close(done)
		drawing.Wait()
		_ = bar.Finish()
	}
}

// drawProgress shows conversations, their rate, the share of the time to read
// that is published, and with it the time left.
func drawProgress(bar *progressbar.ProgressBar, progress *pipeline.Progress, elapsed time.Duration) {
	read := progress.Conversations()
	published, planned := progress.Seconds()
	bar.Describe(fmt.Sprintf("%d conversations, %.0f/s, %s covered", read, float64(read)/elapsed.Seconds(),
		ofTime(published, planned)))
	if planned > 0 {
		if bar.GetMax64() != planned {
			bar.ChangeMax64(planned)
		}
		_ = bar.Set64(min(published, planned-1)) // the end is the run's to say
	}
}

// ofTime says how much of a stretch of time is done, in a unit that suits it.
func ofTime(done, all int64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"days", 24 * 60 * 60}, {"hours", 60 * 60}} {
		if float64(all) >= 2*unit.seconds {
			return fmt.Sprintf("%.1f of %.1f %s", float64(done)/unit.seconds, float64(all)/unit.seconds, unit.name)
		}
	}
	return fmt.Sprintf("%d of %d minutes", done/60, all/60)
}

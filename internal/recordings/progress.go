package recordings

import (
	"sync"
	"sync/atomic"
	"time"
)

// rateWindow is the time over which the rate is measured.
const rateWindow = time.Minute

// Progress reports the progress of a run. The zero value is that of a run that has
// not begun. It is safe for concurrent use.
type Progress struct {
	done, due, bytes atomic.Int64
	running          atomic.Bool
	estimated        atomic.Bool // due includes all that is left

	mu    sync.Mutex
	marks []mark // within rateWindow, oldest first
}

// mark holds the progress at one time.
type mark struct {
	at          time.Time
	done, bytes int64
}

// Status is the progress at one time.
type Status struct {
	Done int64 // recordings, so far
	// Due is how many recordings the run has to do, including those that are done.
	// It is an estimate: others become due, and some are not due yet.
	Due                       int64
	Bytes                     int64 // received
	PerSecond, BytesPerSecond float64
	Left                      time.Duration // -1: unknown
	Running                   bool
}

// SoFar returns the progress at the time now. Rates are measured between its calls,
// over the last minute.
func (p *Progress) SoFar(now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Done:    p.done.Load(),
		Bytes:   p.bytes.Load(),
		Left:    -1,
		Running: p.running.Load(),
	}
	s.Due = max(p.due.Load(), s.Done)
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) >= rateWindow {
		p.marks = p.marks[1:]
	}
	if len(p.marks) > 0 {
		first := p.marks[0]
		if seconds := now.Sub(first.at).Seconds(); seconds > 0 {
			s.PerSecond = float64(s.Done-first.done) / seconds
			s.BytesPerSecond = float64(s.Bytes-first.bytes) / seconds
		}
	}
	if n := len(p.marks); s.Running && (n == 0 || now.Sub(p.marks[n-1].at) >= time.Second) {
		p.marks = append(p.marks, mark{at: now, done: s.Done, bytes: s.Bytes})
	}
	if s.PerSecond > 0 {
		s.Left = time.Duration(float64(s.Due-s.Done) / s.PerSecond * float64(time.Second))
	}
	return s
}

// begin starts the measurement.
func (p *Progress) begin(now time.Time) {
	p.running.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = append(p.marks[:0], mark{at: now, done: p.done.Load(), bytes: p.bytes.Load()})
}

package export

import (
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"convsync/internal/warehouse"
)

// Progress reports the progress of [Write] or [Verify]. The zero value is that of one
// that has not begun. It is safe for concurrent use.
type Progress struct {
	share              atomic.Uint64 // bits of a float64
	rows, files, bytes atomic.Int64
	expected           atomic.Int64 // bytes to verify; 0: unknown
}

// Status is the progress at one time.
type Status struct {
	Share        float64 // of the work, from 0 to 1; 0: unknown
	Rows         int64   // written
	Files, Bytes int64   // of recordings that were written, or of what was verified
}

// SoFar returns the progress.
func (p *Progress) SoFar() Status {
	s := Status{
		Share: math.Float64frombits(p.share.Load()),
		Rows:  p.rows.Load(),
		Files: p.files.Load(),
		Bytes: p.bytes.Load(),
	}
	if expected := p.expected.Load(); expected > 0 {
		s.Share = min(1, float64(s.Bytes)/float64(expected))
	}
	return s
}

// listed notes that a row of a feed was written. Rows come in the order of starts.
func (p *Progress) listed(o *Options, feed int, at warehouse.Timestamp) {
	if p == nil {
		return
	}
	p.rows.Add(1)
	passed := at.Time().Sub(o.Filter.From).Seconds() / o.Filter.Until.Sub(o.Filter.From).Seconds()
	p.share.Store(math.Float64bits((float64(feed) + passed) / float64(len(o.Filter.Feeds))))
}

// add notes that a file is complete.
func (p *Progress) add(bytes int64) {
	if p != nil {
		p.files.Add(1)
		p.bytes.Add(bytes)
	}
}

// expect notes how much the recordings of the exports are, as the manifests say.
func (p *Progress) expect(dirs []string) {
	if p == nil {
		return
	}
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, manifestFile))
		if err != nil {
			continue // the verification reports it
		}
		if m, err := readManifest(f, nil); err == nil {
			p.expected.Add(m.Counts.Bytes)
		}
		_ = f.Close() // it was only read
	}
}

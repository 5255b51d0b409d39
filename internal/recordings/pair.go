package recordings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// maxPairBytes limits the size of recordings that are requested only to be compared.
const maxPairBytes = 16 << 20

// twinOf returns the stored copy of the other version of a recording, or nil.
func (t *turn) twinOf(ctx context.Context, a *warehouse.AudioReference, known map[load.RecordingKind]*found) (*store.Copy, error) {
	other := otherOf(a)
	kind := load.RecordingKeyOf(&other).RecordingKind
	if f := known[kind]; f != nil {
		return f.copy, nil
	}
	if !t.project.Policy.includes(kind) {
		return nil, nil
	}
	stored, ok, err := t.folder.Adopt(ctx, nameOf(&other), -1)
	if !ok || err != nil {
		return nil, err
	}
	return &stored, nil
}

// otherOf returns the key of the other version of a recording, without results.
func otherOf(a *warehouse.AudioReference) warehouse.AudioReference {
	return warehouse.AudioReference{
		ProjectID:      a.ProjectID,
		ConversationID: a.ConversationID,
		Direction:      a.Direction,
		Redacted:       !a.Redacted,
		StartedAt:      a.StartedAt,
		Availability:   warehouse.AudioUnknown,
	}
}

// compare sets the evidence of a recording, and returns a result with that of its
// other version if the comparison of the two determines it.
func (t *turn) compare(a *warehouse.AudioReference, f *found, known map[load.RecordingKind]*found) []load.RecordingResult {
	if f.availability != warehouse.AudioAvailable && f.copy == nil {
		return nil
	}
	other := otherOf(a)
	compared := compareCopies(f.copy, f.twin)
	if g := known[load.RecordingKeyOf(&other).RecordingKind]; g != nil && compared == notCompared {
		compared = compareHeads(f.head, g.head)
	}
	f.evidence, other.RedactionEvidence = judge(a.Redacted, compared)
	if compared == notCompared {
		return nil
	}
	t.noteCompared(compared)
	return []load.RecordingResult{{AudioReference: other}}
}

// noteCompared records a comparison, and logs what it says about the key.
func (w *worker) noteCompared(l likeness) {
	switch w.state.compared(l, w.now()) {
	case warehouse.PIIAccessYes:
		w.log.Info("the key may read raw recordings: a raw recording differs from the redacted one")
	case warehouse.PIIAccessNoneSeen:
		w.log.Info("the key may have no access to personal data: raw recordings have the same bytes as the redacted ones",
			"compared", w.state.get().Compared)
	}
}

// pairs has the shortest recordings that were found. It is safe for concurrent use.
type pairs struct {
	mu         sync.Mutex
	candidates []candidate // by size
}

// candidate is a recording whose versions can be compared.
type candidate struct {
	reference warehouse.AudioReference
	size      int64
	sha256    string // of this version, if it is stored
}

// note adds a recording if it is one of the shortest.
func (p *pairs) note(a *warehouse.AudioReference, f *found) {
	if f.availability != warehouse.AudioAvailable || f.size <= 0 || f.size > maxPairBytes {
		return
	}
	c := candidate{reference: *a, size: f.size}
	if f.copy != nil {
		c.sha256 = f.copy.SHA256
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := slices.BinarySearchFunc(p.candidates, c, func(a, b candidate) int { return int(a.size - b.size) })
	p.candidates = slices.Insert(p.candidates, at, c)
	p.candidates = p.candidates[:min(len(p.candidates), pairsForNoneSeen)]
}

// probeAccess determines once whether the key may read raw recordings: it compares
// both versions of the shortest recordings that this turn found. A policy that wants
// both versions needs no probe.
func (t *turn) probeAccess(ctx context.Context) error {
	for _, c := range t.pairs.candidates {
		s := t.state.get()
		other := otherOf(&c.reference)
		if s.PIIAccess != "" || s.Compared >= pairsForNoneSeen || t.project.Policy.includes(load.RecordingKeyOf(&other).RecordingKind) {
			return nil
		}
		compared, err := t.compareVersions(ctx, &c, &other)
		if err != nil {
			if _, final := foundBy(err); final != nil || ctx.Err() != nil {
				return err
			}
			continue // this one cannot be compared
		}
		t.noteCompared(compared)
	}
	return nil
}

// compareVersions compares a recording with its other version, neither of which is
// stored for that.
func (q *requester) compareVersions(ctx context.Context, c *candidate, other *warehouse.AudioReference) (likeness, error) {
	own := c.sha256
	if own == "" {
		var err error
		if own, err = q.sum(ctx, &c.reference); err != nil {
			return notCompared, err
		}
	}
	sum, err := q.sum(ctx, other)
	switch {
	case err != nil:
		return notCompared, err
	case sum == own:
		return same, nil
	}
	return different, nil
}

// errTooLarge is returned for a recording that is too large to be compared.
var errTooLarge = &store.BodyError{Reason: "too_large"}

// sum requests a recording and returns the hash of its bytes.
func (q *requester) sum(ctx context.Context, a *warehouse.AudioReference) (sum string, err error) {
	err = q.download(ctx, q.project.recordingOf(a), func(audio *polyai.Audio) error {
		h := sha256.New()
		start := &headWriter{}
		n, err := io.Copy(io.MultiWriter(h, start), io.LimitReader(audio.Body, maxPairBytes+1))
		if err != nil {
			return err
		}
		if n > maxPairBytes {
			return errTooLarge
		}
		if _, err := store.CheckHead(start.head, n <= int64(len(start.head))); err != nil {
			return err // such as an error page, which is the same for both
		}
		sum = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	if errors.Is(err, errStopped) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("compare recordings: %w", err)
	}
	return sum, nil
}

// headWriter keeps the beginning of what is written.
type headWriter struct{ head []byte }

func (w *headWriter) Write(p []byte) (int, error) {
	w.head = append(w.head, p[:min(len(p), polyai.HeadBytes-len(w.head))]...)
	return len(p), nil
}

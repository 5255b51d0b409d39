package recordings

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"convsync/internal/load"
	"convsync/internal/recordings/store"
)

// hashes is a set of texts by 8 bytes of each. Of a million texts, another one is in
// it by chance once in 10^13 times.
type hashes []uint64

var hashSeed = maphash.MakeSeed()

func (h *hashes) add(page []copyRow) {
	for i := range page {
		*h = append(*h, maphash.String(hashSeed, page[i].uri))
	}
}

// sort is needed before has.
func (h hashes) sort() { slices.Sort(h) }

func (h hashes) has(text string) bool {
	_, ok := slices.BinarySearch(h, maphash.String(hashSeed, text))
	return ok
}

// errFound ends the search for the first foreign file.
var errFound = errors.New("found")

// foreign looks for files that no row names. A process that stores recordings adds
// files before their rows, so foreign files are only reported under the claims.
func (v *verifier) foreign(ctx context.Context) error {
	state, err := v.options.Destination.RecordingState(ctx, v.options.ProjectID)
	if err != nil {
		return err
	}
	err = v.unnamed(ctx, state.RemovedUpTo, func(store.File) error { return errFound })
	if err == nil {
		v.found.ForeignVerified = true
		return nil
	}
	if !errors.Is(err, errFound) {
		return err
	}
	err = v.claimed(ctx, func(ctx context.Context, t *turn) error {
		if err := v.rows(ctx, func(context.Context, []copyRow) error { return nil }); err != nil {
			return err
		}
		return v.foreignClaimed(ctx, t)
	})
	if IsClaimed(err) || store.IsUnavailable(err) { // the latter if the store is mounted read-only, for example
		v.found.Unverified = err.Error()
		return nil
	}
	return err
}

// foreignClaimed reports the files that no row names, and moves them to the quarantine
// if that is wanted.
func (v *verifier) foreignClaimed(ctx context.Context, t *turn) error {
	counts, err := v.options.Destination.RecordingCounts(ctx, map[string][]load.RecordingKind{v.options.ProjectID: nil})
	if err != nil {
		return err
	}
	if stored := counts[v.options.ProjectID].Stored; stored > v.stored {
		v.found.Unverified = fmt.Sprintf("%d of %d rows with a copy are of an environment that is not configured, or were moved meanwhile: "+
			"add the environment to the configuration, or verify again", stored-v.stored, stored)
		return nil
	}
	err = v.unnamed(ctx, t.state.get().RemovedUpTo, func(f store.File) error {
		found := Finding{Kind: ForeignRecording, Path: f.URI, FoundBytes: max(f.Bytes, 0)}
		if v.turn != nil {
			to, err := t.folder.Quarantine(f.URI)
			if err != nil {
				return err
			}
			found.MovedTo = to
			v.options.Log.Warn("moved a file that no row names to the quarantine", "project", v.options.ProjectID, "file", f.URI, "moved_to", to)
		}
		v.add(found)
		return nil
	})
	if err == nil && v.turn != nil {
		err = t.folder.Sync()
	}
	v.found.ForeignVerified = err == nil
	return err
}

// unnamed calls yield for the files of the project that no row names. Those of
// conversations that were removed after a change are left out: the next run on
// recordings removes them.
func (v *verifier) unnamed(ctx context.Context, after int64, yield func(store.File) error) error {
	ids, _, err := v.options.Destination.Removed(ctx, v.options.ProjectID, after)
	if err != nil {
		return err
	}
	of, err := v.store.Find(ctx, v.options.ProjectID, ids)
	if err != nil {
		return err
	}
	removed := map[string]bool{}
	for _, uris := range of {
		for _, uri := range uris {
			removed[uri] = true
		}
	}
	return v.store.Walk(ctx, v.options.ProjectID, func(f store.File) error {
		if v.named.has(f.URI) || removed[f.URI] {
			return nil
		}
		return yield(f)
	})
}

package verify

import (
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// idsAtOnce is how many ids one lookup contains.
const idsAtOnce = 1000

// classifyAbsent classifies the conversations that are listed and not stored:
// erased, stored under another environment, or in a range that was not read.
func (v *verifier) classifyAbsent(ctx context.Context) error {
	for keys := range slices.Chunk(v.absent, idsAtOnce) {
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.ID
		}
		erased, err := v.archive.Erased(ctx, v.feed.ProjectID, ids)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if slices.Contains(erased, k.ID) {
				v.result.Erased++
				continue
			}
			if err := v.classifyKey(ctx, k.ID, k.StartedAt); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) classifyKey(ctx context.Context, id string, start warehouse.Timestamp) error {
	for _, other := range v.siblings {
		keys, err := v.archive.Keys(ctx, other, start, start+1)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(keys, func(k load.Key) bool { return k.ID == id && !k.Missing }) {
			v.result.Elsewhere++
			return nil
		}
	}
	if within(start, v.read) {
		v.find(Finding{ID: id, StartedAt: start, Listed: start, Kind: NotStored})
		return nil
	}
	if len(v.read) > 0 && !slices.ContainsFunc(v.read, func(r load.Range) bool { return start < r.Until }) {
		v.result.Newer++
		return nil
	}
	v.find(Finding{ID: id, StartedAt: start, Listed: start, Kind: NotRead})
	return nil
}

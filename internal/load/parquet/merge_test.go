package parquet_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// TestPublish_Together checks that a window with many conversations stores the same as
// a window for each of them, and counts the same. Alone, one that stays as it is stored
// is not written; together, most are merged while the partition is written.
func TestPublish_Together(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			v := drawVersions(rand.New(rand.NewPCG(seed, 13)))
			together, alone := newLake(t), newLake(t)
			together.daily, alone.daily = seed%2 == 1, seed%2 == 1
			got, other := v.published(t, together, len(v.after)), v.published(t, alone, 1)
			if !reflect.DeepEqual(got, other) {
				t.Errorf("counted together %+v, alone %+v", got, other)
			}
			if got.Inserted != v.want.Inserted || got.Updated != v.want.Updated || got.Unchanged != v.want.Unchanged {
				t.Errorf("counted %+v, want %+v", got, v.want)
			}
			if !maps.Equal(together.tables(t), alone.tables(t)) {
				t.Error("other rows are stored if the conversations come together")
			}
			a, b := digestsOf(t, together), digestsOf(t, alone)
			known := slices.IndexFunc(a, func(k load.DigestKey) bool { return k.Digest.IsKnown() }) >= 0
			if !known || !slices.Equal(a, b) {
				t.Errorf("digests together %v, alone %v", a, b)
			}
		})
	}
}

// versions are conversations as stored, and as the source returns them later.
type versions struct {
	stored, hidden, after []*warehouse.Rows
	lost                  load.Key    // no longer listed
	want                  load.Counts // of after
}

// drawVersions draws conversations of two days. Half of them are hidden after they
// were stored.
func drawVersions(random *rand.Rand) *versions {
	v := &versions{lost: load.Key{ID: "c-00", StartedAt: warehouse.TimestampOf(loadtest.Noon)}}
	note, hides := loadtest.Note("changed"), loadtest.Hidden(warehouse.Null[int64]{})
	for i := range 24 {
		start := loadtest.Noon.Add(time.Duration(i) * time.Hour)
		as := func(prefix string, start time.Time, options ...loadtest.Option) *warehouse.Rows {
			r := loadtest.Conversation(feed.ProjectID, fmt.Sprintf("%s-%02d", prefix, i), start, options...)
			r.Digest = warehouse.Digest{byte(i + 1)}
			return r
		}
		v.stored = append(v.stored, as("c", start, loadtest.Turns(2)))
		if i%2 == 1 {
			v.hidden = append(v.hidden, as("c", start, hides))
			v.hidden[len(v.hidden)-1].Digest = warehouse.Digest{}
		}
		if i == 0 {
			continue
		}
		count, r := &v.want.Updated, as("c", start, loadtest.Turns(3))
		switch random.IntN(7) {
		case 0:
			if r = as("c", start, loadtest.Turns(2)); i%2 == 0 {
				count = &v.want.Unchanged
			}
		case 1, 2:
			if r = as("c", start, hides); i%2 == 1 {
				count = &v.want.Unchanged
			}
		case 3:
			r = as("c", start, hides, note)
		case 4:
			r = as("c", start.Add(time.Minute), loadtest.Turns(2))
		case 5:
			r = as("c", start.AddDate(0, 0, 1), loadtest.Turns(2), note)
		case 6:
			count, r = &v.want.Inserted, as("new", start, loadtest.Turns(1))
		}
		*count++
		v.after = append(v.after, r)
	}
	random.Shuffle(len(v.after), func(i, j int) { v.after[i], v.after[j] = v.after[j], v.after[i] })
	return v
}

// published publishes the versions, those of after in windows of n. It returns the
// counts of these.
func (v *versions) published(t *testing.T, s *lake, n int) (all load.Counts) {
	t.Helper()
	w := begin(t, s.Open(t, nil).(*parquet.Lake))
	windows := slices.Concat([][]*warehouse.Rows{v.stored, v.hidden}, slices.Collect(slices.Chunk(v.after, n)))
	for i, rows := range windows {
		window := &load.Window{ID: load.WindowID(i), Feed: feed, RunID: "run", At: warehouse.Timestamp(min(i, 2) + 1)}
		if i == len(windows)-1 {
			window.Missing = []load.Key{v.lost}
		}
		var staged []*warehouse.Rows // staging takes them
		for _, r := range rows {
			staged = append(staged, loadtest.Clone(r))
		}
		loadOf(t, w, window.ID, staged)
		counts, err := w.Publish(t.Context(), window)
		if err != nil {
			t.Fatal(err)
		}
		if i >= 2 {
			all.Add(counts)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	slices.SortFunc(all.OtherStarts, func(a, b load.OtherStart) int { return cmp.Compare(a.Stored, b.Stored) })
	return all
}

func digestsOf(t *testing.T, s *lake) []load.DigestKey {
	t.Helper()
	d := s.Open(t, nil)
	defer d.Close()
	keys, err := d.Digests(t.Context(), feed, 0, warehouse.TimestampOf(loadtest.Noon.AddDate(1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(keys, func(a, b load.DigestKey) int { return cmp.Compare(a.StartedAt, b.StartedAt) })
	return keys
}

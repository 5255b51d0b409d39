package parquet

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// entries returns the entries of a list.
func (l keyList) entries() (all []storedKey) {
	r := l.reader()
	for k := (storedKey{}); ; {
		if _, more := r.next(&k); !more {
			return all
		}
		all = append(all, k)
	}
}

func conversationOfKey(k *storedKey) *warehouse.Conversation {
	c := &warehouse.Conversation{ConversationID: k.ID, Environment: k.environment, StartedAt: k.StartedAt}
	if k.Missing {
		c.MissingSince = warehouse.Some(warehouse.Timestamp(1))
	}
	return c
}

// Ids and environments may be any text.
func TestKeyList(t *testing.T) {
	t.Parallel()
	var keys []storedKey
	for i, id := range []string{"", "\x00", "a\x00b", "a\x00b\x00", "plain", "ü"} {
		keys = append(keys, storedKey{load.DigestKey{
			Key:    load.Key{ID: id, StartedAt: warehouse.Timestamp(i - 2), Missing: i%2 > 0},
			Digest: warehouse.Digest{byte(i)},
		}, []string{"live", "", "\x00"}[i%3]})
	}
	var list keyList
	for i := range keys {
		list.add(conversationOfKey(&keys[i]), keys[i].Digest)
	}
	if got := list.entries(); !slices.Equal(got, keys) || !list.isWhole() {
		t.Errorf("%+v instead of %+v", got, keys)
	}
	f := list.finder()
	for i := range keys {
		before := conversationOfKey(&keys[i])
		before.ConversationID += "x"
		if got := f.of(conversationOfKey(&keys[i])); got != keys[i].Digest {
			t.Errorf("the digest of %q is %x", keys[i].ID, got)
		}
		if got := f.of(before); got.IsKnown() {
			t.Errorf("the digest of %q is %x", before.ConversationID, got)
		}
	}
	list.set(list.offsets()["a\x00b"], warehouse.Digest{9})
	keys[2].Digest = warehouse.Digest{9}
	if got := list.entries(); !slices.Equal(got, keys) {
		t.Errorf("%+v after a change instead of %+v", got, keys)
	}
}

// An id that is stored twice, as in a damaged lake, has no digest.
func TestKeyList_Twice(t *testing.T) {
	t.Parallel()
	var list keyList
	for i, id := range []string{"a", "b", "a"} {
		list.add(&warehouse.Conversation{ConversationID: id, StartedAt: warehouse.Timestamp(i)}, warehouse.Digest{byte(i + 1)})
	}
	list.offsets()
	for _, k := range list.entries() {
		if k.Digest.IsKnown() != (k.ID == "b") {
			t.Errorf("%+v", k)
		}
	}
}

// A file of keys that is damaged has none, and never others.
func FuzzDecodeKeys(f *testing.F) {
	var list keyList
	list.add(&warehouse.Conversation{ConversationID: "a\x00", Environment: "live", StartedAt: 7}, warehouse.Digest{1})
	right := keySections{"2026-01-d01-31": {keys: list}, "2026-02-d01": {keys: slices.Concat(list, list)}}.encode()
	f.Add(right[sha256.Size:], 0, byte(0))
	f.Add(right[sha256.Size:len(right)-1], 5, byte(1))
	f.Add([]byte{}, 40, byte(2))
	f.Fuzz(func(t *testing.T, rest []byte, at int, flip byte) {
		sum := sha256.Sum256(rest)
		sections := decodeKeys(slices.Concat(sum[:], rest))
		if again := decodeKeys(sections.encode()); fmt.Sprint(again) != fmt.Sprint(sections) {
			t.Errorf("%v became %v", sections, again)
		}
		damaged := slices.Clone(right)
		damaged[uint(at)%uint(len(damaged))] ^= flip
		if got := decodeKeys(damaged); flip != 0 && len(got) > 0 {
			t.Errorf("damaged content has %v", got)
		}
	})
}

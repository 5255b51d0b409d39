package parquet

import (
	"cmp"
	"encoding/binary"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// keyList has the conversations of a partition in the order of its files, each with
// the digest of what the source returned. It is stored next to the manifests, so
// that a run over unchanged data opens no file of a table. An entry consists of
// numbers of fixed size and two texts:
//
//	digest, start, 1 if it is missing, lengths of the texts, environment, id
type keyList []byte

// The offsets of the numbers of an entry, and where its texts begin.
const (
	keyDigest  = 0
	keyStart   = keyDigest + len(warehouse.Digest{})
	keyMissing = keyStart + 8
	keyLengths = keyMissing + 1
	keyTexts   = keyLengths + 8
)

// storedKey is an entry.
type storedKey struct {
	load.DigestKey
	environment string
}

// add appends a conversation.
func (l *keyList) add(c *warehouse.Conversation, digest warehouse.Digest) {
	b := append(*l, digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.StartedAt))
	if c.MissingSince.Valid {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Environment)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.ConversationID)))
	*l = append(append(b, c.Environment...), c.ConversationID...)
}

// keyReader reads the entries of a list. Texts alias the list.
type keyReader struct {
	list string
	at   int // offset of the next entry
}

func (l keyList) reader() *keyReader { return &keyReader{list: string(l)} }

// next reads the next entry into k, and returns its offset; false at the end, and if
// there is no complete entry.
func (r *keyReader) next(k *storedKey) (offset int, ok bool) {
	offset = r.at
	rest := r.list[offset:]
	if len(rest) < keyTexts {
		return offset, false
	}
	var numbers [keyTexts]byte
	copy(numbers[:], rest)
	environment := int(binary.LittleEndian.Uint32(numbers[keyLengths:]))
	id := int(binary.LittleEndian.Uint32(numbers[keyLengths+4:]))
	rest = rest[keyTexts:]
	if len(rest) < environment || len(rest)-environment < id {
		return offset, false
	}
	k.Digest = warehouse.Digest(numbers[keyDigest:keyStart])
	k.StartedAt = warehouse.Timestamp(binary.LittleEndian.Uint64(numbers[keyStart:]))
	k.Missing = numbers[keyMissing] != 0
	k.environment, k.ID = rest[:environment], rest[environment:][:id]
	r.at += keyTexts + environment + id
	return offset, true
}

// isWhole reports whether the list has complete entries only.
func (l keyList) isWhole() bool {
	r := l.reader()
	for k := (storedKey{}); ; {
		if _, ok := r.next(&k); !ok {
			return r.at == len(l)
		}
	}
}

// offsets returns the offset of the entry of each id. The digests of an id with
// several entries, which only a damaged lake has, are removed.
func (l keyList) offsets() map[string]int {
	at := map[string]int{}
	r := l.reader()
	for k := (storedKey{}); ; {
		offset, ok := r.next(&k)
		if !ok {
			return at
		}
		if first, twice := at[k.ID]; twice {
			l.set(first, warehouse.Digest{})
			l.set(offset, warehouse.Digest{})
		}
		at[k.ID] = offset
	}
}

// digest returns the digest of the entry at an offset.
func (l keyList) digest(offset int) warehouse.Digest {
	return warehouse.Digest(l[offset+keyDigest:][:len(warehouse.Digest{})])
}

// set replaces the digest of the entry at an offset.
func (l keyList) set(offset int, digest warehouse.Digest) { copy(l[offset+keyDigest:], digest[:]) }

// digestFinder finds the digests of conversations that are read in the order of the
// list. It finds none of those that are out of order, as in a damaged lake.
type digestFinder struct {
	list *keyReader
	next storedKey
	more bool
}

func (l keyList) finder() *digestFinder {
	f := &digestFinder{list: l.reader()}
	_, f.more = f.list.next(&f.next)
	return f
}

// of returns the digest of a conversation.
func (f *digestFinder) of(c *warehouse.Conversation) warehouse.Digest {
	for f.more {
		order := cmp.Or(cmp.Compare(f.next.StartedAt, c.StartedAt), strings.Compare(f.next.ID, c.ConversationID))
		if order == 0 {
			return f.next.Digest
		}
		if order > 0 {
			break
		}
		_, f.more = f.list.next(&f.next)
	}
	return warehouse.Digest{}
}

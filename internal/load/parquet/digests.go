package parquet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// This file stores the keys of the conversations, with the digests of what the source
// returned, next to the manifests. The keys of a partition are bound to the files of
// its tables by a checksum, and their file has one of its content. Keys that do not
// match both, because the file is damaged, or because the partition was written again
// without them, do not exist: the conversations are read from the tables and decoded
// then, and the next commit writes the keys again.
//
// A large partition has a file of its own. Small ones of a year share one, since a
// file costs more than what is in it.

const digestDir = "_sync/digests"

// sharedConversations is the number of conversations up to which a partition shares a
// file of keys, about 35 KB.
const sharedConversations = 512

// keyFile returns the name of the file with the keys of a partition.
func (p partition) keyFile(of *partInfo) (name string, shared bool) {
	folder := digestDir + "/" + projectDir(p.project) + "/"
	n := int64(0)
	for _, d := range of.days {
		n += d.conversations()
	}
	if n <= sharedConversations {
		return folder + p.first.year(), true
	}
	return folder + p.keyName(), false
}

// keyName returns the name of a partition among those of its project.
func (p partition) keyName() string { return p.month() + "-" + p.name() }

// filesSum returns the checksum of the files of a partition whose rows are made of
// what the source returned. Results of recordings change others.
func (i *partInfo) filesSum() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, table := range sortedNames(i.files) {
		if table != audio.Name() {
			fmt.Fprintf(h, "%s %s\n", table, i.files[table].SHA256)
		}
	}
	h.Sum(sum[:0])
	return sum
}

// keySection has the keys of a partition, and the checksum of its files.
type keySection struct {
	files [sha256.Size]byte
	keys  keyList
}

// keySections are the content of a file of keys, by the names of partitions.
type keySections map[string]keySection

// encode returns the content of the file: a checksum of the rest, and the sections.
func (s keySections) encode() []byte {
	content := make([]byte, sha256.Size)
	for _, name := range sortedNames(s) {
		section := s[name]
		content = binary.LittleEndian.AppendUint32(content, uint32(len(name)))
		content = binary.LittleEndian.AppendUint64(content, uint64(len(section.keys)))
		content = append(append(append(content, name...), section.files[:]...), section.keys...)
	}
	sum := sha256.Sum256(content[sha256.Size:])
	copy(content, sum[:])
	return content
}

// decodeKeys reads the content of a file of keys; none if it is damaged.
func decodeKeys(content []byte) keySections {
	s := keySections{}
	if len(content) < sha256.Size {
		return s
	}
	sum, rest := content[:sha256.Size], content[sha256.Size:]
	if own := sha256.Sum256(rest); string(own[:]) != string(sum) {
		return s
	}
	for len(rest) > 0 {
		const head = 4 + 8
		if len(rest) < head {
			return keySections{}
		}
		named, size := uint64(binary.LittleEndian.Uint32(rest)), binary.LittleEndian.Uint64(rest[4:])
		rest = rest[head:]
		if n := uint64(len(rest)); n < named || n-named < sha256.Size || n-named-sha256.Size < size {
			return keySections{}
		}
		name, section := string(rest[:named]), keySection{}
		rest = rest[named:]
		section.files, rest = [sha256.Size]byte(rest), rest[sha256.Size:]
		section.keys, rest = slices.Clip(rest[:size]), rest[size:]
		if !section.keys.isWhole() {
			return keySections{}
		}
		s[name] = section
	}
	return s
}

// of returns the keys of a partition as the manifest describes it; false if there are
// none.
func (s keySections) of(p partition, info *partInfo) (keyList, bool) {
	section, found := s[p.keyName()]
	return section.keys, found && section.files == info.filesSum()
}

// readKeys reads a file of keys.
func (v *view) readKeys(name string) (keySections, error) {
	f, err := v.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return keySections{}, nil
	}
	if err != nil {
		return nil, failed("cannot read "+v.lake.path(name), err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, failed("cannot read "+v.lake.path(name), err)
	}
	return decodeKeys(content), nil
}

// keyFiles reads files of keys, and keeps the last one that partitions share.
type keyFiles struct {
	lake *Lake
	name string
	last keySections
}

// of returns the keys of a partition; false if there are none that match.
func (k *keyFiles) of(p storedPart) (keys keyList, found bool, err error) {
	name, shared := p.keyFile(p.info)
	sections := k.last
	if name != k.name || !shared {
		v, err := k.lake.view()
		if err != nil {
			return nil, false, err
		}
		sections, err = v.readKeys(name)
		if err = errors.Join(err, v.close()); err != nil {
			return nil, false, err
		}
	}
	if shared {
		k.name, k.last = name, sections
	}
	keys, found = sections.of(p.partition, p.info)
	return keys, found, nil
}

// Digests implements [load.DigestReader].
func (l *Lake) Digests(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (all []load.DigestKey, err error) {
	if from >= until {
		return nil, nil
	}
	files := keyFiles{lake: l}
	err = l.eachPart(feed.ProjectID, daySpan{dayOf(from), dayOf(until - 1)}, func(p storedPart, days daySpan) error {
		if !slices.Contains(p.info.environments(), feed.Environment) {
			return nil
		}
		wanted := func(environment string, start warehouse.Timestamp) bool {
			return environment == feed.Environment && start >= from && start < until && days.has(p.dayOf(start))
		}
		keys, found, err := files.of(p)
		if err != nil {
			return err
		}
		if !found {
			return l.eachConversation(ctx, p.partition, selection{conversations.Name(): keyColumns}, func(c *warehouse.Conversation) {
				if wanted(c.Environment, c.StartedAt) {
					all = append(all, load.DigestKey{Key: keyOf(c)})
				}
			})
		}
		r := keys.reader()
		for k := (storedKey{}); ; {
			if _, more := r.next(&k); !more {
				return nil
			}
			if wanted(k.environment, k.StartedAt) {
				all = append(all, k.DigestKey)
			}
		}
	})
	return all, err
}

// knownDigests are the keys of the partitions that a publication changes.
type knownDigests struct {
	lake *Lake
	// scan reads the keys of a partition from its table.
	scan    func(partition, func(*warehouse.Conversation)) error
	parts   map[partition]keyList        // that were read
	offsets map[partition]map[string]int // of the entries of parts, by id
	changed map[partition]bool           // without a change of rows
}

// of returns the keys of a stored partition; none if there are none that match.
func (k *knownDigests) of(p partition) (keyList, error) {
	if keys, known := k.parts[p]; known {
		return keys, nil
	}
	info, err := k.lake.listed(p)
	if err != nil {
		return nil, err
	}
	var keys keyList
	if info != nil {
		name, _ := p.keyFile(info)
		sections, err := k.lake.own().readKeys(name)
		if err != nil {
			return nil, err
		}
		keys, _ = sections.of(p, info)
	}
	if k.parts == nil {
		k.parts = map[partition]keyList{}
	}
	k.parts[p] = keys
	return keys, nil
}

// listed returns what the manifest says of a partition; nil if it is not in it.
func (l *Lake) listed(p partition) (*partInfo, error) {
	var m manifest
	err := l.own().readJSON(p.manifest(), &m)
	return m.part(p), err
}

// keep replaces the digest of an unchanged conversation of a partition.
func (k *knownDigests) keep(p partition, id string, digest warehouse.Digest) error {
	at, err := k.offsetsOf(p)
	if err != nil {
		return err
	}
	keys := k.parts[p]
	offset, found := at[id]
	if !found || keys.digest(offset) == digest {
		return nil
	}
	keys.set(offset, digest)
	if k.changed == nil {
		k.changed = map[partition]bool{}
	}
	k.changed[p] = true
	return nil
}

// offsetsOf returns the offsets of the entries of a partition. Keys that are not stored
// are read from its table.
func (k *knownDigests) offsetsOf(p partition) (map[string]int, error) {
	if at, known := k.offsets[p]; known {
		return at, nil
	}
	keys, err := k.of(p)
	if err == nil && len(keys) == 0 {
		err = k.scan(p, func(c *warehouse.Conversation) { keys.add(c, warehouse.Digest{}) })
	}
	if err != nil {
		return nil, err
	}
	if k.offsets == nil {
		k.offsets = map[partition]map[string]int{}
	}
	k.parts[p], k.offsets[p] = keys, keys.offsets()
	return k.offsets[p], nil
}

// put adds the keys of new partitions, and of those of which only digests change, to
// the commit.
func (k *knownDigests) put(c *commit, results []*partResult) error {
	e := keyEdits{lake: c.lake, files: map[string]keySections{}}
	written := map[partition]bool{}
	for _, r := range results {
		for _, p := range r.old {
			written[p] = true
			if err := e.remove(p); err != nil {
				return err
			}
		}
	}
	for _, r := range results {
		for i := range r.parts {
			n := &r.parts[i]
			written[n.partition] = true
			if err := e.set(n.partition, n.info, n.keys); err != nil {
				return err
			}
		}
	}
	for p := range k.changed {
		info, err := c.lake.listed(p)
		if err == nil && info != nil && !written[p] {
			err = e.set(p, info, k.parts[p])
		}
		if err != nil {
			return err
		}
	}
	return e.put(c)
}

// keyEdits are changes of files of keys.
type keyEdits struct {
	lake  *Lake
	files map[string]keySections // by name
}

// of returns the new content of the file of a partition.
func (e *keyEdits) of(p partition, info *partInfo) (s keySections, err error) {
	name, shared := p.keyFile(info)
	s, read := e.files[name]
	if read {
		return s, nil
	}
	s = keySections{}
	if shared {
		s, err = e.lake.own().readKeys(name)
	}
	e.files[name] = s
	return s, err
}

// remove removes the keys of a stored partition.
func (e *keyEdits) remove(p partition) error {
	info, err := e.lake.listed(p)
	if err != nil || info == nil {
		return err
	}
	s, err := e.of(p, info)
	delete(s, p.keyName())
	return err
}

// set replaces the keys of a partition.
func (e *keyEdits) set(p partition, info *partInfo, keys keyList) error {
	if len(keys) == 0 {
		return nil
	}
	s, err := e.of(p, info)
	if err == nil {
		s[p.keyName()] = keySection{info.filesSum(), keys}
	}
	return err
}

// put adds the changed files to a commit. Those without keys are removed.
func (e *keyEdits) put(c *commit) error {
	for _, name := range slices.Sorted(maps.Keys(e.files)) {
		if s := e.files[name]; len(s) > 0 {
			err := c.put(name, func(w io.Writer) error {
				_, err := w.Write(s.encode())
				return err
			})
			if err != nil {
				return err
			}
		} else if c.lake.has(name) {
			c.remove(name)
		}
	}
	return nil
}

package parquet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// This file stores the digests of what the source returned: one file for each
// partition, next to the manifests. It begins with a checksum of its content, and
// with one of the partition's files in the manifest. A file that does not match
// both, because it is damaged, or because the partition was written again without
// its digests, counts as empty: the conversations are decoded then, and the next
// commit writes it again.

const digestDir = "_sync/digests"

// digestFile returns the name of the file with the digests of a partition.
func (p partition) digestFile() string {
	return digestDir + "/" + projectDir(p.project) + "/" + p.month() + "/" + p.name()
}

// digestsByID are the digests of a partition.
type digestsByID map[string]warehouse.Digest

// digestSum returns the checksum of the files of a partition whose rows are made of
// what the source returned. Results of recordings change others.
func (i *partInfo) digestSum() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, table := range slices.Sorted(maps.Keys(i.files)) {
		if table != audio.Name() {
			fmt.Fprintf(h, "%s %s\n", table, i.files[table].SHA256)
		}
	}
	h.Sum(sum[:0])
	return sum
}

// encode returns the content of the file.
func (d digestsByID) encode(of *partInfo) []byte {
	var body []byte
	for _, id := range slices.Sorted(maps.Keys(d)) {
		digest := d[id]
		body = append(append(append(body, digest[:]...), id...), 0) // no id has a NUL
	}
	files, own := of.digestSum(), sha256.Sum256(body)
	return slices.Concat(own[:], files[:], body)
}

// decodeDigests reads the content of a file; nothing if it does not match.
func decodeDigests(content string, of *partInfo) digestsByID {
	const head = 2 * sha256.Size
	d := digestsByID{}
	if len(content) < head || of == nil {
		return d
	}
	body := content[head:]
	if own, files := sha256.Sum256([]byte(body)), of.digestSum(); content[:head] != string(own[:])+string(files[:]) {
		return d
	}
	const size = len(warehouse.Digest{})
	for len(body) > size {
		id, rest, found := strings.Cut(body[size:], "\x00")
		if !found {
			return digestsByID{}
		}
		d[id], body = warehouse.Digest([]byte(body[:size])), rest
	}
	return d
}

// digests reads the digests of a partition as the manifest describes it; nil: it is
// not in the manifest.
func (v *view) digests(p partition, of *partInfo) (digestsByID, error) {
	f, err := v.open(p.digestFile())
	if errors.Is(err, fs.ErrNotExist) {
		return digestsByID{}, nil
	}
	if err != nil {
		return nil, failed("cannot read "+v.lake.path(p.digestFile()), err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, failed("cannot read "+v.lake.path(p.digestFile()), err)
	}
	return decodeDigests(string(content), of), nil
}

// partDigests are the digests of a partition.
type partDigests struct {
	partition
	byID digestsByID
}

// Digests implements [load.DigestReader]. A digest that changes while the keys are
// read is left out.
func (l *Lake) Digests(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (all []load.DigestKey, err error) {
	if from >= until {
		return nil, nil
	}
	span := daySpan{dayOf(from), dayOf(until - 1)}
	before, err := l.storedDigests(feed.ProjectID, span)
	if err != nil {
		return nil, err
	}
	keys, err := l.Keys(ctx, feed, from, until)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	after, err := l.storedDigests(feed.ProjectID, span)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		key := load.DigestKey{Key: k}
		if digest := digestOf(before, &k); digest == digestOf(after, &k) {
			key.Digest = digest
		}
		all = append(all, key)
	}
	return all, nil
}

// digestOf returns the digest of a conversation in the partition of its start.
func digestOf(parts []partDigests, k *load.Key) warehouse.Digest {
	for i := range parts {
		if parts[i].has(dayOf(k.StartedAt)) {
			return parts[i].byID[k.ID]
		}
	}
	return warehouse.Digest{}
}

// storedDigests reads the digests of the partitions that have days of a span.
func (l *Lake) storedDigests(project string, span daySpan) (all []partDigests, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	parts, err := v.storedParts(project, span)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		of, err := v.digests(p.partition, p.info)
		if err != nil {
			return nil, err
		}
		all = append(all, partDigests{p.partition, of})
	}
	return all, nil
}

// knownDigests are the digests of the partitions that a publication changes.
type knownDigests struct {
	lake    *Lake
	parts   map[partition]digestsByID
	changed map[partition]bool // without a change of rows
}

// of returns the digests of a stored partition.
func (k *knownDigests) of(p partition) (digestsByID, error) {
	if d, known := k.parts[p]; known {
		return d, nil
	}
	info, err := k.lake.listed(p)
	if err != nil {
		return nil, err
	}
	d, err := k.lake.own().digests(p, info)
	if err == nil {
		if k.parts == nil {
			k.parts, k.changed = map[partition]digestsByID{}, map[partition]bool{}
		}
		k.parts[p] = d
	}
	return d, err
}

// listed returns what the manifest says of a partition; nil if it is not in it.
func (l *Lake) listed(p partition) (*partInfo, error) {
	var m manifest
	err := l.own().readJSON(p.manifest(), &m)
	return m.part(p), err
}

// keep replaces the digest of an unchanged conversation of a partition.
func (k *knownDigests) keep(p partition, id string, digest warehouse.Digest) error {
	d, err := k.of(p)
	if err != nil || d[id] == digest {
		return err
	}
	k.changed[p] = true
	delete(d, id)
	if digest.IsKnown() {
		d[id] = digest
	}
	return nil
}

// put adds the digests of new partitions, and of those of which only digests change,
// to the commit.
func (k *knownDigests) put(c *commit, results []*partResult) error {
	written := map[string]bool{}
	for _, r := range results {
		for i := range r.parts {
			n := &r.parts[i]
			written[n.digestFile()] = true
			if err := c.putDigests(n.partition, n.digests, n.info); err != nil {
				return err
			}
		}
	}
	for _, r := range results {
		for _, p := range r.old {
			if !written[p.digestFile()] {
				written[p.digestFile()] = true
				if err := c.putDigests(p, nil, nil); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(k.changed), comparePartitions) {
		info, err := c.lake.listed(p)
		if err != nil {
			return err
		}
		if !written[p.digestFile()] && info != nil {
			if err := c.putDigests(p, k.parts[p], info); err != nil {
				return err
			}
		}
	}
	return nil
}

// putDigests adds the digests of a partition to the commit; without any, their file
// is removed.
func (c *commit) putDigests(p partition, digests digestsByID, of *partInfo) error {
	name := p.digestFile()
	if len(digests) == 0 {
		if c.lake.has(name) {
			c.remove(name)
		}
		return nil
	}
	return c.put(name, func(w io.Writer) error {
		_, err := w.Write(digests.encode(of))
		return err
	})
}

package parquet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

// oldMonth is a month of layout 1 or 2.
type oldMonth struct {
	digest string // of the manifest
	days   map[day]map[string]fileInfo
}

// months reads the manifests of a project, and checks that the folders of the
// tables have the days of the manifests.
func (m *migration) months(project string, known *contents) (map[string]*oldMonth, error) {
	l, months := m.lake, map[string]*oldMonth{}
	folder := manifestDir + "/" + projectDir(project)
	entries, err := l.files.ReadDir(l.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		month := manifestMonth(e.Name())
		if months[month], err = m.readOld(folder + "/" + e.Name()); err != nil {
			return nil, err
		}
		if known != nil && known.Months[month].SHA256 != months[month].digest {
			return nil, errNotSound(folder + "/" + e.Name() + " is of another commit")
		}
	}
	for _, table := range startTables {
		entries, err := l.files.ReadDir(l.path(table + "/" + projectDir(project)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			date, isDay := strings.CutPrefix(e.Name(), oldColumn+"=")
			d, err := parseDay(date)
			listed := err == nil && isDay && months[d.month()] != nil && months[d.month()].days[d] != nil
			name := table + "/" + projectDir(project) + "/" + e.Name()
			if !listed {
				return nil, errNotSound(name + " is not in the manifests")
			}
			if err := m.refuseForeign(name); err != nil {
				return nil, err
			}
		}
	}
	return months, nil
}

// refuseForeign fails if the folder of a day has other files than that of convsync:
// they would be removed with it.
func (m *migration) refuseForeign(folder string) error {
	entries, err := m.lake.files.ReadDir(m.lake.path(folder))
	for _, e := range entries {
		if e.Name() != partName {
			return errForeign(folder + "/" + e.Name())
		}
	}
	return err
}

// oldColumn is the folder of a day in layouts 1 and 2.
const oldColumn = "started_date"

func oldFile(table, project string, d day) string {
	return table + "/" + projectDir(project) + "/" + oldColumn + "=" + d.String() + "/" + partName
}

func (m *migration) readOld(name string) (*oldMonth, error) {
	text, err := m.lake.readFile(m.lake.path(name))
	if err != nil {
		return nil, err
	}
	var stored struct {
		Days map[string]struct {
			Files map[string]fileInfo `json:"files"`
		} `json:"days"`
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, errNotSound(name + " cannot be read")
	}
	sum := sha256.Sum256(text)
	o := &oldMonth{digest: hex.EncodeToString(sum[:]), days: map[day]map[string]fileInfo{}}
	for date, info := range stored.Days {
		d, err := parseDay(date)
		if err != nil {
			return nil, errNotSound(name + ": " + err.Error())
		}
		o.days[d] = info.Files
	}
	return o, nil
}

// month converts a month, unless an earlier call has done so.
func (m *migration) month(ctx context.Context, project, month string, old *oldMonth) error {
	l := m.lake
	name := manifestFile(project, month)
	var done manifest
	if text, err := l.readFile(l.path(migrateNew + "/" + name)); err == nil && json.Unmarshal(text, &done) == nil && done.MigratedFrom == old.digest && m.isComplete(project, month, &done) {
		return nil
	}
	for _, table := range startTables {
		if err := l.files.RemoveAll(l.path(migrateNew + "/" + monthFolder(table, project, month))); err != nil {
			return err
		}
	}
	next := &manifest{Project: project, MigratedFrom: old.digest}
	for _, part := range m.partitions(project, old) {
		w := m.temporary().newPart(part)
		err := m.convert(ctx, w, old)
		w.abandon()
		if err == nil {
			err = m.place(w)
		}
		if err != nil {
			return err
		}
		next.put(part, w.info)
	}
	_, err := m.put(name, func(w io.Writer) error { return json.NewEncoder(w).Encode(next) })
	return err
}

// isComplete reports whether the new files of a month are all there. After a power
// failure the manifest may be, and some of them not.
func (m *migration) isComplete(project, month string, stored *manifest) bool {
	for _, p := range stored.parts(project, month) {
		for table, want := range stored.part(p).files {
			info, err := m.lake.files.Stat(m.lake.path(migrateNew + "/" + p.file(table)))
			if err != nil || info.Size() != want.Bytes {
				return false
			}
		}
	}
	return true
}

// partitions groups the days of a month.
func (m *migration) partitions(project string, old *oldMonth) []partition {
	var days []dayLoad
	for _, d := range slices.Sorted(maps.Keys(old.days)) {
		load := dayLoad{day: d}
		for _, f := range old.days[d] {
			load.bytes += f.Bytes
		}
		days = append(days, load)
	}
	if len(days) == 0 {
		return nil
	}
	return partitions(project, m.lake.sizes.group(days, days[0].day.monthSpan(), m.unsettled))
}

// convert writes the days of a partition.
func (m *migration) convert(ctx context.Context, w *partWriter, old *oldMonth) error {
	for d := w.partition.first; d <= w.partition.last; d++ {
		if files := old.days[d]; files != nil {
			if err := m.convertDay(ctx, w, d, files); err != nil {
				return err
			}
		}
	}
	return w.close()
}

func (m *migration) convertDay(ctx context.Context, w *partWriter, d day, files map[string]fileInfo) (err error) {
	project, read := w.partition.project, map[string]int64{}
	in := &partReader{}
	defer func() { err = errors.Join(err, in.close()) }()
	for _, f := range formats {
		r, err := openFile(ctx, m.lake.own(), f, oldFile(f.Name(), project, d), project)
		if err != nil {
			return err
		}
		in.files = append(in.files, r)
	}
	var r warehouse.Rows
	for {
		more, err := in.next(&r)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if dayOf(r.Conversation.StartedAt) != d {
			return errNotSound(fmt.Sprintf("%s has rows of another day", oldFile(conversations.Name(), project, d)))
		}
		for i, member := range members {
			read[formats[i].Name()] += int64(member.Len(&r))
		}
		if err := errors.Join(w.add(&r), ctx.Err()); err != nil {
			return err
		}
	}
	for _, f := range formats {
		if read[f.Name()] != files[f.Name()].Rows {
			return errNotSound(fmt.Sprintf("%s has %d rows instead of %d", oldFile(f.Name(), project, d), read[f.Name()], files[f.Name()].Rows))
		}
	}
	return nil
}

// place moves the finished files of a partition into the new lake, durably.
func (m *migration) place(w *partWriter) error {
	l := m.lake
	for _, f := range w.placed {
		to := l.path(migrateNew + "/" + w.partition.file(f.table))
		if err := errors.Join(l.files.Sync(l.path(f.name)), l.mkdirAll(filepath.Dir(to))); err != nil {
			return err
		}
		l.step("migrate file")
		if err := l.files.Rename(l.path(f.name), to); err != nil {
			return err
		}
	}
	return nil
}

// finished returns the digest of the manifest of a month that was converted, and
// adds the ids of its conversations.
func (m *migration) finished(ctx context.Context, project, month string, hashes map[string]map[day][]uint64) (digest manifestDigest, err error) {
	l := m.lake
	text, err := l.readFile(l.path(migrateNew + "/" + manifestFile(project, month)))
	if err != nil {
		return digest, err
	}
	var stored manifest
	if err := json.Unmarshal(text, &stored); err != nil {
		return digest, err
	}
	moved := &view{lake: l, from: map[string]string{}}
	for _, p := range stored.parts(project, month) {
		name := p.file(conversations.Name())
		moved.from[name] = migrateNew + "/" + name
		err := moved.scan(ctx, p, func(c *warehouse.Conversation) {
			d := dayOf(c.StartedAt)
			if hashes[d.year()] == nil {
				hashes[d.year()] = map[day][]uint64{}
			}
			hashes[d.year()][d] = append(hashes[d.year()][d], warehouse.HashID(c.ConversationID))
		}, "conversation_id", "started_at")
		if err != nil {
			return digest, err
		}
	}
	sum := sha256.Sum256(text)
	return manifestDigest{int64(len(text)), hex.EncodeToString(sum[:])}, nil
}

// removeOthers removes months that an earlier call has converted and that no longer
// exist.
func (m *migration) removeOthers(project string, months map[string]*oldMonth) error {
	l := m.lake
	entries, err := l.files.ReadDir(l.path(migrateNew + "/" + manifestDir + "/" + projectDir(project)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		month := manifestMonth(e.Name())
		if months[month] != nil {
			continue
		}
		err = errors.Join(err, l.files.Remove(l.path(migrateNew+"/"+manifestFile(project, month))))
		for _, table := range startTables {
			err = errors.Join(err, l.files.RemoveAll(l.path(migrateNew+"/"+monthFolder(table, project, month))))
		}
	}
	return err
}

package parquet

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// manifest lists what is stored of a project and month. The counts of a day are
// those of its rows in the partition that has the day.
type manifest struct {
	Project    string               `json:"project_id"`
	Partitions map[string]*partFile `json:"partitions"` // by name
	Days       map[string]*dayInfo  `json:"days"`       // by date
	// MigratedFrom is the checksum of the manifest of an older layout that this one
	// was made of.
	MigratedFrom string `json:"migrated_from,omitempty"`
}

// partFile lists the files of a partition.
type partFile struct {
	Files map[string]fileInfo `json:"files"` // by table
}

// dayInfo counts what is stored of a day.
type dayInfo struct {
	Environments map[string]*tally `json:"environments"`
	Recordings   recordingTallies  `json:"recordings,omitempty"`
}

// partInfo has the files of a partition and the counts of its days, from a manifest.
type partInfo struct {
	files map[string]fileInfo // by table
	days  map[day]*dayInfo    // days with rows
}

func newPartInfo() *partInfo { return &partInfo{map[string]fileInfo{}, map[day]*dayInfo{}} }

// bytes returns the size of the files.
func (i *partInfo) bytes() (n int64) {
	for _, f := range i.files {
		n += f.Bytes
	}
	return n
}

// day returns the counts of a day, which it adds if there are none.
func (i *partInfo) day(d day) *dayInfo {
	info := i.days[d]
	if info == nil {
		info = &dayInfo{Environments: map[string]*tally{}}
		i.days[d] = info
	}
	return info
}

// environments lists the environments of the days.
func (i *partInfo) environments() []string {
	all := map[string]bool{}
	for _, d := range i.days {
		for name := range d.Environments {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// conversations returns the number of conversations of a day.
func (d *dayInfo) conversations() (n int64) {
	for _, t := range d.Environments {
		n += t.Conversations
	}
	return n
}

// parts lists the partitions. Other names, which no version has written, are left
// out.
func (m *manifest) parts(project, month string) (parts []partition) {
	for name := range m.Partitions {
		if p, ok := namedPartition(project, month, name); ok && m.Partitions[name] != nil {
			parts = append(parts, p)
		}
	}
	return parts
}

// part returns what the manifest says of a partition; nil if it is not in it.
func (m *manifest) part(p partition) *partInfo {
	listed := m.Partitions[p.name()]
	if listed == nil {
		return nil
	}
	info := &partInfo{listed.Files, map[day]*dayInfo{}}
	for d := p.first; d <= p.last; d++ {
		if counts := m.Days[d.String()]; counts != nil {
			info.days[d] = counts
		}
	}
	return info
}

// remove removes a partition, if it is listed.
func (m *manifest) remove(p partition) {
	if m.Partitions[p.name()] == nil {
		return
	}
	delete(m.Partitions, p.name())
	for d := p.first; d <= p.last; d++ {
		delete(m.Days, d.String())
	}
}

// put adds or replaces a partition, which is removed if it has no files.
func (m *manifest) put(p partition, info *partInfo) {
	m.remove(p)
	if len(info.files) == 0 {
		return
	}
	if m.Partitions == nil {
		m.Partitions = map[string]*partFile{}
	}
	if m.Days == nil {
		m.Days = map[string]*dayInfo{}
	}
	m.Partitions[p.name()] = &partFile{info.files}
	for d, counts := range info.days {
		m.Days[d.String()] = counts
	}
}

// tally counts the conversations of an environment.
type tally struct {
	Conversations int64               `json:"conversations"`
	Hidden        int64               `json:"hidden"`
	Shown         int64               `json:"shown"` // with a visible transcript; absent in older manifests
	Missing       int64               `json:"missing"`
	Metrics       int64               `json:"metrics"` // with metrics; absent in older manifests
	Newest        warehouse.Timestamp `json:"newest"`  // start, in microseconds
}

func (d *dayInfo) count(c *warehouse.Conversation) {
	t := d.Environments[c.Environment]
	if t == nil {
		t = &tally{Newest: c.StartedAt}
		d.Environments[c.Environment] = t
	}
	t.Conversations++
	t.Newest = max(t.Newest, c.StartedAt)
	if load.IsHidden(c) {
		t.Hidden++
	}
	if load.ShowsTranscript(c) {
		t.Shown++
	}
	if c.MissingSince.Valid {
		t.Missing++
	}
	if !load.NoMetrics(c.Metrics) {
		t.Metrics++
	}
}

// putManifests adds the manifests of the months of changed partitions to a
// commit: those of old are removed from them, and those of changed are added.
func (c *commit) putManifests(next *state, old []partition, changed map[partition]*partInfo) error {
	months := map[string]*manifest{}
	of := func(p partition) (*manifest, error) {
		name := p.manifest()
		m := months[name]
		if m != nil {
			return m, nil
		}
		m = &manifest{}
		if err := c.lake.own().readJSON(name, m); err != nil {
			return nil, err
		}
		m.Project, months[name] = p.project, m
		return m, nil
	}
	for _, p := range old {
		m, err := of(p)
		if err != nil {
			return err
		}
		m.remove(p)
	}
	for p, info := range changed {
		m, err := of(p)
		if err != nil {
			return err
		}
		m.put(p, info)
	}
	for name, m := range months {
		if err := c.putJSON(name, m); err != nil {
			return err
		}
		put := c.last()
		next.change(m.Project).Months[manifestMonth(name)] = manifestDigest{put.Bytes, put.SHA256}
	}
	return nil
}

// manifestMonth returns the month of a manifest, from its name.
func manifestMonth(name string) string { return strings.TrimSuffix(path.Base(name), ".json") }

// eachManifest reads the manifests of a project, for the months of some days.
func (v *view) eachManifest(project string, span daySpan, do func(month string, m *manifest)) error {
	first, last := max(span.first, firstDay), min(span.last, lastDay)
	folder := manifestDir + "/" + projectDir(project)
	entries, err := v.lake.files.ReadDir(v.lake.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("cannot read "+v.lake.path(folder), err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[folder+"/"+e.Name()] = true
	}
	for name := range v.from { // manifests that the journal will move into place
		if path.Dir(name) == folder {
			names[name] = true
		}
	}
	for name := range names {
		if month := manifestMonth(name); month < first.month() || month > last.month() {
			continue
		}
		var m manifest
		if err := v.readJSON(name, &m); err != nil {
			return err
		}
		do(manifestMonth(name), &m)
	}
	return nil
}

// storedPart is a partition with what the manifest says of it.
type storedPart struct {
	partition
	info *partInfo
}

// storedParts lists the partitions of the manifests that have days of a span, in
// order.
func (v *view) storedParts(project string, span daySpan) (all []storedPart, err error) {
	err = v.eachManifest(project, span, func(month string, m *manifest) {
		for _, p := range m.parts(project, month) {
			if p.first <= span.last && p.last >= span.first {
				all = append(all, storedPart{p, m.part(p)})
			}
		}
	})
	slices.SortFunc(all, func(a, b storedPart) int { return comparePartitions(a.partition, b.partition) })
	return all, err
}

// The first and last possible day of a manifest.
var firstDay, lastDay = day(-719528), day(2932896) // years 0 and 9999

// Summary implements [load.Destination].
func (l *Lake) Summary(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	s, err := v.readState()
	if err != nil {
		return nil, err
	}
	rejects, err := v.countRejects()
	if err != nil {
		return nil, err
	}
	out := make(map[load.Feed]load.FeedSummary, len(feeds))
	for _, f := range feeds {
		sum := load.FeedSummary{Rejects: rejects[f]}
		err := v.eachManifest(f.ProjectID, daySpan{firstDay, lastDay}, func(_ string, m *manifest) {
			for _, d := range m.Days {
				if t := d.Environments[f.Environment]; t != nil {
					if sum.Conversations == 0 || t.Newest > sum.Newest {
						sum.Newest = t.Newest
					}
					sum.Conversations += t.Conversations
					sum.Hidden += t.Hidden
					sum.Missing += t.Missing
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for _, d := range s.drift {
			if d.ProjectID == f.ProjectID && d.Environment == f.Environment {
				sum.Drift = append(sum.Drift, d)
			}
		}
		sortDrift(sum.Drift)
		for _, b := range s.lateness {
			if b.ProjectID == f.ProjectID && b.Environment == f.Environment {
				sum.Lateness = append(sum.Lateness, b)
			}
		}
		out[f] = sum
	}
	return out, nil
}

package parquet

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// manifest lists what is stored of a project and month.
type manifest struct {
	Project string              `json:"project_id"`
	Days    map[string]*dayInfo `json:"days"` // by date
}

// dayInfo describes what is stored of a partition.
type dayInfo struct {
	Files        map[string]fileInfo `json:"files"` // by table
	Environments map[string]*tally   `json:"environments"`
	Recordings   recordingTallies    `json:"recordings,omitempty"` // absent in older manifests
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
// commit.
func (c *commit) putManifests(next *state, changed map[partition]*dayInfo) error {
	months := map[string]*manifest{}
	for p, info := range changed {
		name := p.manifest()
		m := months[name]
		if m == nil {
			m = &manifest{}
			if err := c.lake.own().readJSON(name, m); err != nil {
				return err
			}
		}
		m.Project = p.project
		if m.Days == nil {
			m.Days = map[string]*dayInfo{}
		}
		months[name] = m
		m.Days[p.day.String()] = info
		if len(info.Files) == 0 {
			delete(m.Days, p.day.String())
		}
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
func (v *view) eachManifest(project string, first, last day, do func(*manifest)) error {
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
		do(&m)
	}
	return nil
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
		err := v.eachManifest(f.ProjectID, firstDay, lastDay, func(m *manifest) {
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

package parquet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"
)

// inventory compares what is recorded of a project with what is stored: the
// manifests with the digests in its contents, and the names and sizes of the
// files with the manifests. It opens the manifests, and a folder per table and
// month, but no file of a table: a lake of ten years takes milliseconds.
type inventory struct {
	lake     *Lake
	project  string
	contents *contents // nil: none are stored

	manifests map[string]*manifest          // by name
	digests   map[string]manifestDigest     // of the manifests, by month
	folders   map[string]map[partition]bool // by table
	faults    map[partition][]string        // what is wrong
	months    map[string]string             // what is wrong with their manifests, by month
	unindexed []string                      // years whose log of ids is missing or short
}

// inventory compares the records of a project with its files.
func (l *Lake) inventory(project string, known *contents) (*inventory, error) {
	a := &inventory{
		lake:      l,
		project:   project,
		contents:  known,
		manifests: map[string]*manifest{},
		digests:   map[string]manifestDigest{},
		folders:   map[string]map[partition]bool{},
		faults:    map[partition][]string{},
		months:    map[string]string{},
	}
	if err := a.readManifests(); err != nil {
		return nil, err
	}
	for _, table := range startTables {
		var err error
		if a.folders[table], err = l.partitionsOf(table, project); err != nil {
			return nil, err
		}
	}
	if err := a.compareFiles(); err != nil {
		return nil, err
	}
	if err := a.findUnlisted(); err != nil {
		return nil, err
	}
	return a, a.compareIDs()
}

// readManifests reads the manifests that exist or should exist.
func (a *inventory) readManifests() error {
	folder := manifestDir + "/" + projectDir(a.project)
	entries, err := a.lake.files.ReadDir(a.lake.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("cannot read "+a.lake.path(folder), err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[folder+"/"+e.Name()] = true
	}
	if a.contents != nil {
		for month := range a.contents.Months {
			names[folder+"/"+month+".json"] = true
		}
	}
	for name := range names {
		if err := a.readManifest(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *inventory) readManifest(name string) error {
	month := manifestMonth(name)
	text, err := a.lake.readFile(a.lake.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		a.months[month] = name + " is missing"
		return nil
	}
	if err != nil {
		return failed("cannot read "+a.lake.path(name), err)
	}
	m := &manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		a.months[month] = name + " is damaged"
		m = &manifest{}
	}
	m.Project = a.project
	a.manifests[name] = m
	sum := sha256.Sum256(text)
	a.digests[month] = manifestDigest{int64(len(text)), hex.EncodeToString(sum[:])}
	if a.contents == nil {
		return nil
	}
	if want, recorded := a.contents.Months[month]; recorded && want != a.digests[month] {
		a.months[month] = cmp.Or(a.months[month], name+" is of another commit")
	}
	return nil
}

// comparedAtOnce is the number of manifests that are compared with their files
// concurrently, because a network file system answers many requests in the time
// of one.
const comparedAtOnce = 8

// compareFiles compares the manifests with the files.
func (a *inventory) compareFiles() error {
	var group errgroup.Group
	group.SetLimit(comparedAtOnce)
	found := make(chan map[partition][]string, len(a.manifests))
	for name, m := range a.manifests {
		group.Go(func() error {
			faults, err := a.compareMonth(manifestMonth(name), m)
			found <- faults
			return err
		})
	}
	err := group.Wait()
	close(found)
	for faults := range found {
		for p, what := range faults {
			a.faults[p] = what
		}
	}
	return err
}

func (a *inventory) compareMonth(month string, m *manifest) (map[partition][]string, error) {
	faults := map[partition][]string{}
	for _, p := range m.parts(a.project, month) {
		for _, table := range startTables {
			what, err := a.compareFile(p, table, m.Partitions[p.name()].Files)
			if err != nil {
				return nil, err
			}
			if what != "" {
				faults[p] = append(faults[p], what)
			}
		}
	}
	return faults, nil
}

// compareFile returns what is wrong with a partition's file of a table; "" if
// nothing is.
func (a *inventory) compareFile(p partition, table string, files map[string]fileInfo) (what string, err error) {
	want, listed := files[table]
	there := a.folders[table][p]
	if !listed && !there {
		return "", nil
	}
	name := p.file(table)
	info, err := a.lake.files.Lstat(a.lake.path(name))
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return "", failed("cannot look at "+a.lake.path(name), err)
	case missing && !listed:
		return "", nil
	case missing:
		return name + " is missing", nil
	case !listed:
		return name + " is not recorded", nil
	case info.Size() != want.Bytes:
		return fmt.Sprintf("%s has %d bytes instead of %d", name, info.Size(), want.Bytes), nil
	}
	return "", nil
}

// findUnlisted finds partitions that are in no manifest.
func (a *inventory) findUnlisted() error {
	for _, table := range startTables {
		for p := range a.folders[table] {
			if m := a.manifests[p.manifest()]; m != nil && m.Partitions[p.name()] != nil {
				continue
			}
			what, err := a.compareFile(p, table, nil)
			if err != nil {
				return err
			}
			if what != "" {
				a.faults[p] = append(a.faults[p], what)
			}
		}
	}
	return nil
}

// compareIDs finds years whose log of ids is incomplete.
func (a *inventory) compareIDs() error {
	years := map[string]bool{} // years in the log; true: the year has stored days
	if a.contents != nil {
		for year := range a.contents.IDs {
			years[year] = false
		}
	}
	for _, m := range a.manifests {
		for date := range m.Days {
			if d, err := parseDay(date); err == nil {
				years[d.year()] = true
			}
		}
	}
	for year, stored := range years {
		recorded := int64(0)
		if a.contents != nil {
			recorded = a.contents.IDs[year]
		}
		size, err := a.lake.sizeOf(a.lake.path(idsFile(a.project, year)))
		if err != nil {
			return failed("cannot look at the log of ids of "+a.project, err)
		}
		if stored && recorded == 0 || size < recorded {
			a.unindexed = append(a.unindexed, year)
		}
	}
	slices.Sort(a.unindexed)
	return nil
}

// partsOf lists the partitions of a year that are in the manifests and have no
// fault.
func (a *inventory) partsOf(year string) (parts []partition) {
	for name, m := range a.manifests {
		for _, p := range m.parts(a.project, manifestMonth(name)) {
			if p.first.year() == year && a.faults[p] == nil {
				parts = append(parts, p)
			}
		}
	}
	slices.SortFunc(parts, comparePartitions)
	return parts
}

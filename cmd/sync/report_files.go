package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"convsync/internal/atomicfile"
	"convsync/internal/config"
	"convsync/internal/report"
)

// keptReports is the number of periods whose reports are kept in a folder: 60 days, more
// than a year of weeks, or five years.
const keptReports = 60

// reportFile matches the names of written reports: the projects, the first and the last day.
var reportFile = regexp.MustCompile(`^report_.+_(\d{4}-\d\d-\d\d)_to_(\d{4}-\d\d-\d\d)\.(?:html|json)$`)

// reportName is the name of the files of a report, without the ending. Reports of different
// periods have different names.
func (s *service) reportName(planned *config.Schedule, p report.Period) string {
	return fmt.Sprintf("report_%s_%s_to_%s", inFileName(s.reportedProjects(planned)), p.From.Format(time.DateOnly), p.Last().Format(time.DateOnly))
}

// inFileName replaces what a file system may refuse. Ids that differ only there get
// the same name.
func inFileName(text string) string {
	const longest = 100
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		}
		return '-'
	}, text)
	return safe[:min(len(safe), longest)]
}

// ensureReportFolder creates the folder of a schedule if it does not exist.
func ensureReportFolder(planned *config.Schedule) error {
	exists, err := tryReportFolder(planned)
	if err != nil || exists {
		return err
	}
	if err := os.Mkdir(planned.Folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return cannotWrite(planned.Folder, err)
	}
	return nil
}

// tryReportFolder checks that reports can be written to the folder of a schedule, or that
// the folder can be created. The one around it must exist: it may be a disk that is not
// mounted.
func tryReportFolder(planned *config.Schedule) (exists bool, err error) {
	folder := planned.Folder
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		folder = filepath.Dir(folder)
	}
	shown := planned.Folder + " (schedules." + planned.Name + ".folder)"
	f, err := os.CreateTemp(folder, "report_*.tmp")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%w; create the folder around it, or mount its disk", cannotWrite(shown, err))
	case err != nil:
		return false, cannotWrite(shown, err)
	}
	return folder == planned.Folder, errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeReportFiles writes a report as JSON and as a page, and returns the path of the page.
func writeReportFiles(folder, name string, r *report.Report) (page string, err error) {
	for _, format := range []string{"json", "html"} {
		text, err := encodeReport(r, format)
		if err != nil {
			return "", err
		}
		page = filepath.Join(folder, name+"."+format)
		if err := atomicfile.Write(page, text); err != nil {
			return "", cannotWrite(page, err)
		}
	}
	return page, nil
}

// keepNewestReports removes the reports of the oldest periods.
func keepNewestReports(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	files := map[string][]string{} // by period
	for _, e := range entries {
		if m := reportFile.FindStringSubmatch(e.Name()); m != nil {
			period := m[2] + m[1]
			files[period] = append(files[period], e.Name())
		}
	}
	var failed []error
	for _, period := range oldest(files, keptReports) {
		for _, name := range files[period] {
			failed = append(failed, os.Remove(filepath.Join(folder, name)))
		}
	}
	return errors.Join(failed...)
}

// oldest returns the keys that come before the last ones that are kept.
func oldest(files map[string][]string, kept int) []string {
	var periods []string
	for p := range files {
		periods = append(periods, p)
	}
	slices.SortFunc(periods, cmp.Compare[string])
	return periods[:max(0, len(periods)-kept)]
}

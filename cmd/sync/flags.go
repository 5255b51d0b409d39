package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"convsync/internal/answer"
	"convsync/internal/config"
	"convsync/internal/extract"
)

// parseTimeRange reads --from and --to; an empty span means that none was given.
func parseTimeRange(from, to string, now time.Time) (extract.Span, error) {
	if from == "" && to == "" {
		return extract.Span{}, nil
	}
	if from == "" {
		return extract.Span{}, usageError(errors.New("--to needs --from, the start of the time range, such as --from 2026-06-01"))
	}
	start, err := parseMoment("from", from)
	if err != nil {
		return extract.Span{}, err
	}
	end := now
	if to != "" {
		if end, err = parseMoment("to", to); err != nil {
			return extract.Span{}, err
		}
	}
	span := extract.Span{From: extract.SecondOf(start), Until: extract.SecondOf(end)}
	if span.Empty() {
		return extract.Span{}, usageError(fmt.Errorf("--from %s is not before --to %s: use an earlier --from or a later --to",
			start.Format(time.RFC3339), end.UTC().Format(time.RFC3339)))
	}
	return span, nil
}

func parseMoment(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usageError(fmt.Errorf("--%s %q is neither a date (2026-06-01) nor a time with a zone (2026-06-01T08:00:00Z)", flag, text))
}

// checkTexts checks texts of the command line, given as pairs of a name and the text.
func checkTexts(named ...string) error {
	for i := 0; i < len(named); i += 2 {
		if err := answer.CheckText(named[i], named[i+1]); err != nil {
			return usageError(err)
		}
	}
	return nil
}

func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return usageError(fmt.Errorf("--%s %q is not known: use %s", flag, value, strings.Join(allowed, ", ")))
}

// chooseProjects returns the named projects, or all configured ones.
func chooseProjects(cfg *config.Config, ids []string) ([]config.Project, error) {
	if len(ids) == 0 {
		return cfg.Projects, nil
	}
	var chosen []config.Project
	for _, id := range ids {
		i := slices.IndexFunc(cfg.Projects, func(p config.Project) bool { return p.StoredID == id })
		if i < 0 {
			var known []string
			for _, p := range cfg.Projects {
				known = append(known, p.StoredID)
			}
			return nil, usageError(fmt.Errorf("--project %s is not configured; configured projects: %s", id, strings.Join(known, ", ")))
		}
		chosen = append(chosen, cfg.Projects[i])
	}
	return chosen, nil
}

// formatOfName returns the format that the ending of a file's name has: without an
// ending the default, and an error for an ending of no format.
func formatOfName(file, byDefault string, formats map[string]string) (string, error) {
	ending := strings.ToLower(filepath.Ext(file))
	if ending == "" {
		return byDefault, nil
	}
	if format, ok := formats[ending]; ok {
		return format, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(formats)), ", ")
	return "", usageError(fmt.Errorf("-o %s: no format has the ending %s; use one of %s, or choose a format with --output", oneLine(file), oneLine(ending), known))
}

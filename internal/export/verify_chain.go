package export

import (
	"cmp"
	"fmt"
)

// verifyChain checks that every export in a folder follows one that is there and was
// not changed since, and that none is followed by two. Only one follows none.
func verifyChain(parent string) ([]Finding, error) {
	exports, err := exportsIn(parent)
	if err != nil {
		return nil, err
	}
	byID, next := map[string]*chained{}, map[string]*chained{}
	for _, e := range exports {
		byID[e.ExportID] = e
	}
	var findings []Finding
	bad := func(e *chained, format string, args ...any) {
		findings = append(findings, Finding{BadChain, e.Folder + "/" + manifestFile, fmt.Sprintf(format, args...)})
	}
	var first *chained
	for _, e := range exports {
		if e.before == nil {
			if first != nil {
				bad(e, "it names no previous export, and nor does %s", first.Folder)
			}
			first = cmp.Or(first, e)
			continue
		}
		previous := byID[e.before.ExportID]
		switch {
		case previous == nil:
			bad(e, "the previous export %s (%s) is not in this folder", e.before.ExportID, e.before.Folder)
			continue
		case previous.ManifestSHA256 != e.before.ManifestSHA256:
			bad(e, "the manifest of the previous export %s was changed since", previous.Folder)
		}
		if other := next[previous.ExportID]; other != nil {
			bad(e, "it follows %s, as %s does", previous.Folder, other.Folder)
		}
		next[previous.ExportID] = e
	}
	return findings, nil
}

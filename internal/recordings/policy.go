package recordings

import (
	"cmp"
	"slices"
	"strings"

	"convsync/internal/load"
)

// Mode says what is done about the recordings of a project.
type Mode string

// The modes. Each one includes what the previous ones do.
const (
	Off       Mode = "off"       // nothing, but copies of deleted conversations are removed
	Reference Mode = "reference" // a row for each recording that may exist
	Check     Mode = "check"     // ask whether it exists, and what it is
	Store     Mode = "store"     // store a copy
)

// Policy says what is done about the recordings of a project, and which versions of
// them.
type Policy struct {
	Mode  Mode
	Kinds []load.RecordingKind
}

// requests reports whether recordings are requested from the source.
func (p *Policy) requests() bool { return p.Mode == Check || p.Mode == Store }

// includes reports whether recordings of a kind are wanted.
func (p *Policy) includes(k load.RecordingKind) bool { return slices.Contains(p.Kinds, k) }

// isDefault reports whether the policy needs no other rows than those that every
// earlier version added with each conversation.
func (p *Policy) isDefault() bool {
	return p.Mode == Reference && len(p.Kinds) == 1 && p.Kinds[0] == load.RecordingKind{Direction: "combined", Redacted: true}
}

// Fingerprint identifies the rows that the policy wants for each voice conversation,
// and the host that their URLs name.
func (p *Policy) Fingerprint(host string) string {
	var names []string
	for _, k := range p.Kinds {
		names = append(names, k.Direction+"/"+version(k.Redacted))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",") + "@" + strings.TrimRight(host, "/")
}

// version names the version of a recording.
func version(redacted bool) string {
	if redacted {
		return "redacted"
	}
	return "raw"
}

// inOrder orders kinds so that the redacted version of a direction precedes the raw
// one, which is compared with it.
func inOrder(a, b load.RecordingKind) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(version(b.Redacted), version(a.Redacted)))
}

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"
)

// Name identifies a recording within a project.
type Name struct {
	ConversationID string    // any text
	Direction      string    // combined, user or agent
	Redacted       bool      // as requested
	StartedAt      time.Time // its UTC day is part of the path
}

// URI returns where the recording of a project is stored: a path relative to the
// store, with slashes. It has only letters, digits and -_.=~/ so it is the same text
// as a path and as a URI. Names of different recordings differ on any file system.
func URI(project string, name Name) string {
	version := "raw"
	if name.Redacted {
		version = "redacted"
	}
	year, month, day := name.StartedAt.UTC().Date()
	return path.Join(safeName(project), fmt.Sprintf("%04d/%02d/%02d", year, month, day),
		safeName(name.ConversationID)+"."+safeName(name.Direction)+"."+version+".wav")
}

// FolderURI returns how the URIs of a project's files begin.
func FolderURI(project string) string { return safeName(project) + "/" }

// Lengths of names in bytes. A file name has two of them at most, with extensions:
// less than 255, the limit of common file systems.
const (
	longestName = 150
	cutName     = 100
)

// safeName returns a name for a file or folder. It has only letters, digits and -_=~,
// is not empty, and is no device of Windows. Names of different texts differ by more
// than case, since macOS and Windows ignore it: a text stays as it is only if no
// other one that does so has the same letters. Others get a part of their hash.
func safeName(text string) string {
	name, hash := escape(text), sha256.Sum256([]byte(text))
	switch {
	case len(name) > longestName:
		return name[:cutName] + "~" + hex.EncodeToString(hash[:16])
	case text == "" || !unambiguous(text) || isDevice(text):
		return name + "~" + hex.EncodeToString(hash[:8])
	}
	return name
}

// escape replaces all bytes but letters, digits and -_ by = and two hex digits. Not by
// %, which has a meaning in URIs and in manifests of BagIt.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// prefixes are those of ids of conversations and projects. What follows has no
// capital letters (lower), or only them.
var prefixes = []struct {
	text  string
	lower bool
}{
	{"CA", true},
	{"OUT-", true},
	{"CONV-", true},
	{"AS_CHAT_", true},
	{"LOCAL-", true},
	{"PROJECT-", false},
}

// unambiguous reports whether no other text for which it returns true differs from
// text only in case: it has a known prefix and then one case, or neither a prefix in
// any case nor a capital letter. No prefix begins with another one.
func unambiguous(text string) bool {
	for _, p := range prefixes {
		if len(text) < len(p.text) || !strings.EqualFold(text[:len(p.text)], p.text) {
			continue
		}
		rest, ok := strings.CutPrefix(text, p.text)
		if p.lower {
			return ok && !hasBetween(rest, 'A', 'Z')
		}
		return ok && !hasBetween(rest, 'a', 'z')
	}
	return !hasBetween(text, 'A', 'Z')
}

func hasBetween(text string, first, last byte) bool {
	for i := range len(text) {
		if first <= text[i] && text[i] <= last {
			return true
		}
	}
	return false
}

// isDevice reports whether Windows reserves the name, with any extension.
func isDevice(text string) bool {
	text = strings.ToLower(text)
	switch text {
	case "con", "prn", "aux", "nul":
		return true
	}
	port, ok := strings.CutPrefix(text, "com")
	if !ok {
		port, ok = strings.CutPrefix(text, "lpt")
	}
	return ok && len(port) == 1 && '0' <= port[0] && port[0] <= '9'
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The values of [Audio].Mode.
const (
	AudioOff       = "off"       // recordings are not listed
	AudioReference = "reference" // they are listed, but not requested
	AudioCheck     = "check"     // their existence, size and format are requested
	AudioStore     = "store"     // they are copied
)

// The values of [Audio].Redacted.
const (
	RedactedTrue  = "true"
	RedactedFalse = "false"
	RedactedBoth  = "both"
)

// Audio says what is done about the recordings of a project.
type Audio struct {
	Mode       string   // reference unless set
	Directions []string // combined, user, agent; [combined] unless set
	Redacted   string   // true, false or both; true unless set
}

// AudioKind is a kind of recording of a conversation.
type AudioKind struct {
	Direction string
	Redacted  bool
}

// Kinds returns the kinds of recordings of each voice conversation, for each direction
// redacted before raw; none if the mode is off.
func (a *Audio) Kinds() (kinds []AudioKind) {
	if a.Mode == AudioOff {
		return nil
	}
	for _, direction := range a.Directions {
		if a.Redacted != RedactedFalse {
			kinds = append(kinds, AudioKind{direction, true})
		}
		if a.Redacted != RedactedTrue {
			kinds = append(kinds, AudioKind{direction, false})
		}
	}
	return kinds
}

// IsRequested reports whether recordings are requested from the source.
func (a *Audio) IsRequested() bool { return a.Mode == AudioCheck || a.Mode == AudioStore }

// AudioWork limits the work on recordings.
type AudioWork struct {
	Share   float64 // of the rate limit of a key, more than 0 to 1; 0.2 unless set
	Workers int     // recordings that are read at once; 2 unless set
}

// Recordings is where copies of recordings are stored.
type Recordings struct {
	// Store is the folder; a relative one is taken from the folder of the
	// configuration file. "" unless set.
	Store string
	// Mode of the files that are created; 0600 unless set.
	Mode fs.FileMode `json:"-"` // no part of the fingerprint: it changes nothing that is stored
}

// policyKeys are those of sync.audio and of a project. A single value is the mode.
type policyKeys struct {
	Mode       string    `key:"mode"`
	Directions []string  `key:"directions"`
	Redacted   redaction `key:"redacted"`
}

func (k *policyKeys) short() any { return &k.Mode }

type audioKeys struct {
	policyKeys
	Share   float64 `key:"share"`
	Workers int     `key:"workers"`
}

type recordingsKeys struct {
	Store string   `key:"store"`
	Mode  fileMode `key:"mode"`
}

// redaction is true, false or both.
type redaction string

const expectedRedaction = "true, false or both"

func (*redaction) expected() string { return expectedRedaction }

func (r *redaction) UnmarshalText(text []byte) error {
	switch *r = redaction(text); *r {
	case RedactedTrue, RedactedFalse, RedactedBoth:
		return nil
	}
	return errors.New("expected " + expectedRedaction)
}

// audio resolves the keys at path. Keys that are not written there are inherited.
func (r *resolver) audio(path string, keys, inherited *policyKeys) Audio {
	a := Audio{Mode: inherited.Mode, Directions: inherited.Directions, Redacted: string(inherited.Redacted)}
	if keys.Mode != "" {
		a.Mode = r.choice(r.modePath(path), keys.Mode, AudioOff, AudioReference, AudioCheck, AudioStore)
	}
	if keys.Directions != nil {
		a.Directions = r.directions(path+".directions", keys.Directions)
	}
	if keys.Redacted != "" {
		a.Redacted = string(keys.Redacted)
	}
	return a
}

// modePath is the path of the mode, which may be the value of path itself.
func (r *resolver) modePath(path string) string {
	if r.given(path + ".mode") {
		return path + ".mode"
	}
	return path
}

func (r *resolver) directions(path string, names []string) []string {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.choice(at, name, "combined", "user", "agent")
		if slices.Contains(names[:i], name) {
			r.add(at, "%s is listed twice; expected each direction once", r.show(at, name))
		}
	}
	return names
}

func (r *resolver) audioWork() AudioWork {
	keys := &r.doc.Sync.Audio
	r.audio("sync.audio", &keys.policyKeys, &keys.policyKeys) // reports its problems once, not for each project
	if s := keys.Share; s != s || s <= 0 || s > 1 {
		r.add("sync.audio.share", "%s is out of range; expected more than 0, at most 1, where 0.2 is a fifth of the rate limit",
			r.show("sync.audio.share", strconv.FormatFloat(s, 'g', -1, 64)))
	}
	r.within("sync.audio.workers", keys.Workers, 1, 64, "recordings that are read at once")
	return AudioWork{Share: keys.Share, Workers: keys.Workers}
}

// recordings resolves the folder of the copies, which must not be mixed with a lake.
func (r *resolver) recordings(lake *Parquet) Recordings {
	const path = "audio.store"
	keys := &r.doc.Audio
	store := inFolderOf(r.file, filepath.FromSlash(keys.Store))
	switch {
	case keys.Store == "":
		if r.given("audio") && !r.given(path) {
			r.add(path, "is missing; expected a folder for copies of recordings, such as ./recordings")
		}
		return Recordings{}
	case strings.Contains(keys.Store, "://"):
		r.add(path, "is an object store; expected a folder in a file system, such as ./recordings")
	case lake != nil && lake.Path != "" && (isInside(store, lake.Path) || isInside(lake.Path, store)):
		r.add(path, "and destination.parquet.path are the same folder, or one is inside the other; expected separate folders, such as ./recordings and ./convsync-data")
	}
	mode := fs.FileMode(keys.Mode)
	if mode == 0 {
		mode = 0o600
	}
	return Recordings{Store: store, Mode: mode}
}

// isInside reports whether a path is that of a folder, or of something in it.
func isInside(path, folder string) bool {
	path, pathErr := filepath.Abs(path)
	folder, folderErr := filepath.Abs(folder)
	inside, err := filepath.Rel(folder, path)
	return errors.Join(pathErr, folderErr, err) == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator))
}

// storable reports projects whose recordings are to be copied although there is no
// folder for the copies.
func (r *resolver) storable(cfg *Config) {
	if cfg.Recordings.Store != "" || r.given("audio.store") { // an invalid one is reported already
		return
	}
	for i := range cfg.Projects {
		if cfg.Projects[i].Audio.Mode != AudioStore {
			continue
		}
		path := fmt.Sprintf("source.projects[%d].audio", i)
		if i >= len(r.doc.Source.Projects) || r.doc.Source.Projects[i].Audio.Mode == "" {
			path = "sync.audio"
		}
		r.add(r.modePath(path), "is store, but there is no folder for the copies; expected audio: {store: ./recordings} at the top level of the file")
	}
}

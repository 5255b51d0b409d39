package config_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestAudio(t *testing.T) {
	t.Parallel()
	const store = "audio: {store: ./recordings}\n"
	for name, c := range map[string]struct {
		sync, project string // the values of the keys
		want          config.Audio
		kinds         []config.AudioKind
	}{
		"Default": {"", "", config.Audio{Mode: "reference", Directions: []string{"combined"}, Redacted: "true"}, []config.AudioKind{{"combined", true}}},
		"Off":     {"off", "", config.Audio{Mode: "off", Directions: []string{"combined"}, Redacted: "true"}, nil},
		"Mode":    {"store", "", config.Audio{Mode: "store", Directions: []string{"combined"}, Redacted: "true"}, []config.AudioKind{{"combined", true}}},
		"Keys": {
			"{mode: check, directions: [user, agent], redacted: both}", "",
			config.Audio{Mode: "check", Directions: []string{"user", "agent"}, Redacted: "both"},
			[]config.AudioKind{{"user", true}, {"user", false}, {"agent", true}, {"agent", false}},
		},
		"Raw":           {"{redacted: false}", "", config.Audio{Mode: "reference", Directions: []string{"combined"}, Redacted: "false"}, []config.AudioKind{{"combined", false}}},
		"ProjectMode":   {"{mode: store, redacted: false}", "off", config.Audio{Mode: "off", Directions: []string{"combined"}, Redacted: "false"}, nil},
		"ProjectKeys":   {"check", "{redacted: true, directions: [agent]}", config.Audio{Mode: "check", Directions: []string{"agent"}, Redacted: "true"}, []config.AudioKind{{"agent", true}}},
		"FromVariables": {`"${MODE}"`, `{redacted: "${NONE:-false}"}`, config.Audio{Mode: "check", Directions: []string{"combined"}, Redacted: "false"}, []config.AudioKind{{"combined", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := head
			if c.project != "" {
				text += "      audio: " + c.project + "\n"
			}
			if text += lake + store; c.sync != "" {
				text += "sync: {audio: " + c.sync + "}\n"
			}
			got, err := load(t, text, map[string]string{"MODE": "check"})
			if err != nil {
				t.Fatal(err)
			}
			audio := &got.Projects[0].Audio
			if !reflect.DeepEqual(*audio, c.want) || !reflect.DeepEqual(audio.Kinds(), c.kinds) {
				t.Errorf("got %+v with %v, want %+v with %v", *audio, audio.Kinds(), c.want, c.kinds)
			}
			if want := c.want.Mode == "check" || c.want.Mode == "store"; audio.IsRequested() != want {
				t.Errorf("recordings are requested: %t", !want)
			}
			if want := filepath.Join(filepath.Dir(got.File), "recordings"); got.Recordings != (config.Recordings{Store: want, Mode: 0o600}) {
				t.Errorf("recordings = %+v, want the folder next to the file", got.Recordings)
			}
		})
	}
}

func TestAudio_Work(t *testing.T) {
	t.Parallel()
	got, err := load(t, head+lake+"sync: {audio: {mode: check, share: 1, workers: 8}}\naudio: {store: /srv/recordings, mode: \"0640\"}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Sync.Audio != (config.AudioWork{Share: 1, Workers: 8}) || got.Recordings != (config.Recordings{Store: "/srv/recordings", Mode: 0o640}) {
		t.Errorf("work %+v, recordings %+v", got.Sync.Audio, got.Recordings)
	}
}

func TestAudio_Refused(t *testing.T) {
	t.Parallel()
	const both = "    - {id: other, audio: check}\n"
	schedule := func(keys string) string {
		return "schedules: {recordings: {cron: \"@every 10m\", kind: audio" + keys + "}}\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"Mode":               {head + lake + "sync: {audio: stor}", `9:8: sync.audio: "stor" is not known; expected off, reference, check or store; did you mean store?`},
		"ModeKey":            {head + lake + "sync: {audio: {mode: all}}", `9:16: sync.audio.mode: "all" is not known`},
		"ModeOfVariable":     {head + lake + "sync: {audio: \"${SECRET}\"}", `sync.audio: "${SECRET}" is not known`},
		"List":               {head + lake + "sync: {audio: [check]}", "sync.audio: is a list; expected text"},
		"Boolean":            {head + lake + "sync: {audio: false}", "sync.audio: is true or false; expected text"},
		"UnknownKey":         {head + lake + "sync: {audio: {redact: true}}", "sync.audio.redact: is not a key of sync.audio; expected mode, directions, redacted, share or workers; did you mean redacted?"},
		"Redacted":           {head + lake + "sync: {audio: {redacted: maybe}}", `sync.audio.redacted: "maybe" is not valid; expected true, false or both`},
		"RedactedList":       {head + lake + "sync: {audio: {redacted: [true]}}", "sync.audio.redacted: is a list; expected true, false or both"},
		"Direction":          {head + lake + "sync: {audio: {directions: [caller]}}", `sync.audio.directions[0]: "caller" is not known; expected combined, user or agent`},
		"DirectionTwice":     {head + lake + "sync: {audio: {directions: [user, user]}}", `sync.audio.directions[1]: "user" is listed twice`},
		"NoDirection":        {head + lake + "sync: {audio: {directions: []}}", "sync.audio.directions: is an empty list"},
		"Share":              {head + lake + "sync: {audio: {share: 20}}", `sync.audio.share: "20" is out of range; expected more than 0, at most 1`},
		"ShareNaN":           {head + lake + "sync: {audio: {share: .nan}}", "sync.audio.share"},
		"Workers":            {head + lake + "sync: {audio: {workers: 65}}", `sync.audio.workers: "65" is out of range; expected 1 to 64`},
		"ProjectShare":       {head + "      audio: {share: 0.1}\n" + lake, "source.projects[0].audio.share: is not a key of source.projects[0].audio; expected mode, directions or redacted"},
		"StoreWithoutFolder": {head + lake + "sync: {audio: store}", "9:8: sync.audio: is store, but there is no folder for the copies; expected audio: {store: ./recordings}"},
		"ProjectWithout":     {head + "      audio: {mode: store}\n" + lake, "7:15: source.projects[0].audio.mode: is store, but there is no folder"},
		"StudioWithout":      {"source: {studio_url: \"https://studio.uk.poly.ai/a/b\", api_key: made-up}\n" + lake + "sync: {audio: {mode: store}}", "sync.audio.mode: is store, but"},
		"FolderMissing":      {head + lake + "audio: {mode: \"0600\"}", "audio.store: is missing; expected a folder"},
		"FolderMode":         {head + lake + "audio: {store: a, mode: \"0755\"}", "audio.mode: \"0755\" is not valid; expected the mode of files in octal"},
		"ObjectStore":        {head + lake + "audio: {store: \"s3://bucket/made-up\"}", "9:9: audio.store: is an object store"},
		"InTheLake":          {head + lake + "audio: {store: ./lake/conversations}", "audio.store: and destination.parquet.path are the same folder"},
		"TheLake":            {head + lake + "audio: {store: lake/../lake/}", "audio.store: and destination.parquet.path are the same folder"},
		"AroundTheLake":      {head + lake + "audio: {store: .}", "audio.store: and destination.parquet.path are the same folder"},
		"IdleSchedule":       {head + lake + schedule(""), `9:46: schedules.recordings.kind: is audio, but the recordings of no project of the schedule are checked or stored`},
		"IdleProject":        {head + both + lake + schedule(", projects: [acme-team-4]"), "schedules.recordings.kind: is audio, but"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, c.text, map[string]string{"SECRET": "made-up"})
			wantMessage(t, err, c.want)
			if err != nil && (strings.Contains(err.Error(), "made-up") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error shows a value, or several problems: %v", err)
			}
		})
	}
	for _, text := range []string{
		head + both + lake + schedule(""),
		head + both + lake + schedule(", projects: [other]"),
		head + lake + "audio: {store: ./lake-recordings}", // its name only begins like that of the lake
	} {
		got, err := load(t, text, nil)
		if err != nil {
			t.Error(err)
		} else if len(got.Schedules) > 0 && (got.Schedules[0].Kind != config.KindAudio || got.Schedules[0].Loads()) {
			t.Errorf("schedule %+v", got.Schedules[0])
		}
	}
}

package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// documented returns the keys of a section of the manual with their defaults, where
// these are values.
func documented(t *testing.T, section string) (all map[string]string) {
	t.Helper()
	manual, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(manual), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	all = map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| `([^`|]+)` \\|").FindAllStringSubmatch(text, -1) {
		all[row[1]] = row[2]
	}
	return all
}

// A file with the documented defaults is the same as one without these keys.
func TestDefaults(t *testing.T) {
	t.Parallel()
	const postgres = "destination: {postgres: {url: \"postgres://somebody@localhost/db\"}}\n"
	in := func(section, key, value string) string {
		return head + postgres + section + ": { " + key + ": " + value + " }\n"
	}
	for section, c := range map[string]struct {
		keys int // with a default
		text func(key, value string) string
	}{
		"source": {3, func(key, value string) string {
			switch key {
			case "api_version":
				return strings.Replace(head, "  region: uk\n", "  region: uk\n  api_version: "+value+"\n", 1) + postgres
			case "as":
				value = "acme-team-4" // id
			}
			return head + "      " + key + ": " + value + "\n" + postgres
		}},
		"destination": {1, func(key, value string) string {
			return head + strings.Replace(postgres, "{url:", "{"+strings.TrimPrefix(key, "postgres.")+": "+value+", url:", 1)
		}},
		"sync": {11, func(key, value string) string { return in("sync", key, value) }},
		"audio": {5, func(key, value string) string {
			if key == "mode" { // two keys have this name; TestAudio checks their defaults
				return head + postgres
			}
			return in("sync", "audio", "{ "+key+": "+value+" }")
		}},
		"serve": {3, func(key, value string) string { return in("serve", key, value) }},
		"schedules": {2, func(key, value string) string {
			return head + postgres + "schedules: { a: { cron: 0 2 * * *, " + key + ": " + value + " } }\n"
		}},
	} {
		t.Run(section, func(t *testing.T) {
			t.Parallel()
			without := head + postgres
			if section == "schedules" {
				without += "schedules: { a: { cron: 0 2 * * * } }\n"
			}
			keys := documented(t, section)
			if len(keys) < c.keys {
				t.Errorf("the manual has defaults for %v only", keys)
			}
			want, err := load(t, without, nil)
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range keys {
				if value == "sync.start" {
					continue // another key, which has its own default
				}
				got, err := load(t, c.text(key, value), nil)
				if err != nil {
					t.Errorf("%s: %s: %v", key, value, err)
					continue
				}
				got.File, got.Serve.StateFile, got.Notify.StateFile = want.File, want.Serve.StateFile, want.Notify.StateFile // of its folder
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s is not the default: got %+v, want %+v", key, value, got, want)
				}
			}
		})
	}
}

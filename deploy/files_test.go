package deploy

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"convsync/internal/config"
)

// read is the text of a file of the repository, by its path from the root.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are the parts of a YAML stream, as plain values.
func documents(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, path)))
	for {
		var doc map[string]any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, doc)
	}
}

// at follows keys and indexes; nil where there is nothing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := value.(map[string]any)
			value = m[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// parseConfig holds that a configuration is one, and returns it.
func parseConfig(t *testing.T, path, text string, environment map[string]string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("/etc/convsync/convsync.yaml", []byte(text), config.Options{
		Now:       time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC),
		LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return cfg
}

// unit is a unit of systemd: the values of each key of each section.
func unit(t *testing.T, path string) map[string]map[string][]string {
	t.Helper()
	sections, section := map[string]map[string][]string{}, ""
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			sections[section] = map[string][]string{}
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				t.Fatalf("%s: %q is no setting", path, line)
			}
			sections[section][key] = append(sections[section][key], value)
		}
	}
	return sections
}

func TestSystemdRunsAsNobodySpecialAndRepeatsOnlyWhatMayMend(t *testing.T) {
	t.Parallel()
	service := unit(t, "deploy/systemd/convsync.service")["Service"]
	for key, want := range map[string]string{
		"Type": "oneshot", "DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
		"Restart": "on-failure", "RestartPreventExitStatus": "2 3", "SuccessExitStatus": "130",
	} {
		if got := strings.Join(service[key], ","); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	timer := unit(t, "deploy/systemd/convsync.timer")
	if timer["Timer"]["OnCalendar"] == nil || timer["Timer"]["Persistent"][0] != "true" || timer["Install"]["WantedBy"][0] != "timers.target" {
		t.Errorf("the timer does not start, or does not catch up: %q", timer)
	}

	const folder = "/run/credentials/convsync.service"
	file := "deploy/systemd/convsync.yaml"
	cfg := parseConfig(t, file, read(t, file), map[string]string{"CREDENTIALS_DIRECTORY": folder})
	if cfg.Destination.Postgres == nil {
		t.Error("the destination is not Postgres")
	}
	for _, credential := range service["LoadCredential"] {
		name, _, _ := strings.Cut(credential, ":")
		if !strings.Contains(read(t, file), "${CREDENTIALS_DIRECTORY}/"+name) {
			t.Errorf("the configuration does not read the credential %s", name)
		}
	}
}

func TestTheImageIsSmallAndNotRoot(t *testing.T) {
	t.Parallel()
	var stages, users []string
	for line := range strings.Lines(read(t, "Dockerfile")) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "FROM":
			stages = append(stages, rest)
		case "USER":
			users = append(users, rest)
		}
	}
	if len(stages) != 2 || !strings.HasSuffix(stages[1], "-slim") {
		t.Errorf("stages: %q", stages)
	}
	if !slices.Equal(users, []string{"10001:10001"}) {
		t.Errorf("the image runs as %q", users)
	}
}

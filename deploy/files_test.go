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

func TestSystemd_Run(t *testing.T) {
	t.Parallel()
	service := unit(t, "deploy/systemd/convsync.service")["Service"]
	if !slices.Equal(service["DynamicUser"], []string{"yes"}) {
		t.Error("it does not run as a user of its own")
	}

	const folder = "/run/credentials/convsync.service"
	file := "deploy/systemd/convsync.yaml"
	cfg := parseConfig(t, file, read(t, file), map[string]string{"CREDENTIALS_DIRECTORY": folder})
	if cfg.Destination.Postgres == nil {
		t.Error("the destination is not Postgres")
	}
	for _, credential := range service["LoadCredential"] {
		name, at, _ := strings.Cut(credential, ":")
		if at != "/etc/convsync/"+name { // where root finds it as well, by CREDENTIALS_DIRECTORY=/etc/convsync
			t.Errorf("the credential %s is read from %s", name, at)
		}
		if !strings.Contains(read(t, file), "${CREDENTIALS_DIRECTORY}/"+name) {
			t.Errorf("the configuration does not read the credential %s", name)
		}
	}
}

func TestSystemd_Serve(t *testing.T) {
	t.Parallel()
	u := unit(t, "deploy/systemd/convsync-serve.service")
	service := u["Service"]
	for key, want := range map[string]string{"DynamicUser": "yes", "ExecReload": "/bin/kill -HUP $MAINPID"} {
		if got := strings.Join(service[key], ","); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	const file = "deploy/systemd/serve.yaml"
	cfg := parseConfig(t, file, read(t, file), map[string]string{"CREDENTIALS_DIRECTORY": "/run/credentials/convsync-serve.service"})
	if len(cfg.Schedules) == 0 || !strings.HasPrefix(cfg.Serve.StateFile, "/var/lib/"+service["StateDirectory"][0]+"/") {
		t.Errorf("it has %d schedules, and keeps its state in %q", len(cfg.Schedules), cfg.Serve.StateFile)
	}
	for _, credential := range service["LoadCredential"] {
		if name, _, _ := strings.Cut(credential, ":"); !strings.Contains(read(t, file), "${CREDENTIALS_DIRECTORY}/"+name) {
			t.Errorf("the configuration does not read the credential %s", name)
		}
	}
}

// stage is a part of the Dockerfile: what it begins from, its name, and the
// arguments of each of its instructions.
type stage struct {
	from, name   string
	instructions map[string][]string
}

func stages(t *testing.T) (all []stage) {
	t.Helper()
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case instruction == "" || instruction[0] == '#':
		case instruction == "FROM":
			from, name, _ := strings.Cut(rest, " AS ")
			all = append(all, stage{from, name, map[string][]string{}})
		default:
			last := all[len(all)-1].instructions
			last[instruction] = append(last[instruction], rest)
		}
	}
	return all
}

// TestTheImagesAreSmallAndNotRoot holds that the image which is built unless
// another is asked for has nothing but the program in it, and that both run
// alike.
func TestTheImagesAreSmallAndNotRoot(t *testing.T) {
	t.Parallel()
	all := stages(t)
	names := map[string]bool{}
	for _, s := range all {
		for _, copied := range s.instructions["COPY"] {
			if from, ok := strings.CutPrefix(strings.Fields(copied)[0], "--from="); ok && !names[from] {
				t.Errorf("%s copies from %s, which does not come before it", s.name, from)
			}
		}
		names[s.name] = true
	}
	static, sql := all[len(all)-1], all[len(all)-2]
	if static.from != "scratch" || sql.name != "sql" || !strings.HasSuffix(sql.from, "-slim") {
		t.Errorf("the images begin from %s and %s", static.from, sql.from)
	}
	for _, s := range []stage{static, sql} {
		if !slices.Equal(s.instructions["USER"], []string{"10001:10001"}) {
			t.Errorf("the image runs as %q", s.instructions["USER"])
		}
		for _, instruction := range []string{"WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"} {
			if got := s.instructions[instruction]; len(got) != 1 || !slices.Equal(got, static.instructions[instruction]) {
				t.Errorf("%s: %s is %q", s.name, instruction, got)
			}
		}
		// Without a shell, a command is a list.
		if !strings.HasSuffix(s.instructions["HEALTHCHECK"][0], ` CMD ["/usr/local/bin/convsync", "health"]`) ||
			s.instructions["ENTRYPOINT"][0] != `["/usr/local/bin/convsync"]` {
			t.Errorf("%s: %q", s.name, s.instructions)
		}
	}
	if !strings.Contains(strings.Join(static.instructions["COPY"], "\n"), "ca-certificates.crt") {
		t.Error("no certificate of the source would be trusted")
	}
}

package deploy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const installed = "/usr/local/bin/convsync"

var unitNames = []string{"convsync.service", "convsync-serve.service"}

// commands returns the arguments with which the files start the program.
func commands(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, name := range unitNames {
		found[name] = strings.Fields(unit(t, "deploy/systemd/"+name)["Service"]["ExecStart"][0])
	}
	for _, kind := range []string{"CronJob", "Deployment"} {
		found[kind] = texts(at(podOf(manifests(t)[kind]), "containers", 0, "args"))
	}
	for name, service := range at(compose(t), "services").(map[string]any) {
		if at(service, "build") != nil {
			found["Compose, "+name] = texts(at(service, "command"))
		}
	}
	for _, s := range stages(t) {
		for _, instruction := range []string{"HEALTHCHECK", "CMD"} {
			for _, text := range s.instructions[instruction] {
				var args []string
				if err := json.Unmarshal([]byte(text[strings.IndexByte(text, '['):]), &args); err != nil {
					t.Errorf("%s %s: %v", s.name, text, err)
				}
				found["image "+s.name+", "+instruction] = args
			}
		}
	}
	return found
}

func texts(list any) (all []string) {
	for _, v := range list.([]any) {
		all = append(all, v.(string))
	}
	return all
}

// TestCommands asks the program for the help of each command, which it gives only
// if it knows the command and all of its flags.
func TestCommands(t *testing.T) {
	t.Parallel()
	all := commands(t)
	if len(all) < 11 {
		t.Errorf("only %d commands found", len(all))
	}
	for name, args := range all {
		if len(args) > 0 && args[0] == installed {
			args = args[1:]
		}
		out, err := program(t, "", append(slices.Clone(args), "--help")...).CombinedOutput()
		if err != nil || len(args) == 0 || !strings.Contains(string(out), "convsync "+args[0]) {
			t.Errorf("%s: %q: %v: %s", name, args, err, out)
		}
	}
}

// codesOf returns the exit codes of the table in docs/deployment.md whose row matches.
func codesOf(t *testing.T, row string) (codes []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)^\| (\d+) \| `+row).FindAllStringSubmatch(read(t, "docs/deployment.md"), -1) {
		codes = append(codes, found[1])
	}
	return codes
}

// TestExitCodes compares which exit codes the files retry with the documentation,
// and that of a wrong configuration with the program.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	final, stopped := codesOf(t, `.*\| fails at once`), codesOf(t, `stopped by SIGTERM`)
	var listed []string
	for _, code := range at(manifests(t)["CronJob"], "spec", "jobTemplate", "spec", "podFailurePolicy", "rules", 0, "onExitCodes", "values").([]any) {
		listed = append(listed, fmt.Sprint(code))
	}
	if !slices.Equal(listed, final) {
		t.Errorf("the CronJob does not retry %q, want %q", listed, final)
	}
	for name, command := range map[string]string{unitNames[0]: "run", unitNames[1]: "serve"} {
		service := unit(t, "deploy/systemd/"+name)["Service"]
		unretried := strings.Fields(service["RestartPreventExitStatus"][0])
		if command == "run" && !slices.Equal(unretried, final) {
			t.Errorf("%s does not retry %q, want %q", name, unretried, final)
		}
		if got := service["SuccessExitStatus"]; !slices.Equal(got, stopped) {
			t.Errorf("%s: %q count as success, want %q", name, got, stopped)
		}
		cmd := program(t, "source: { regoin: uk }", command)
		_ = cmd.Run()
		if code := strconv.Itoa(cmd.ProcessState.ExitCode()); !slices.Contains(unretried, code) {
			t.Errorf("%s retries a wrong configuration: it exits with %s, and only %q are not retried", name, code, unretried)
		}
	}
}

// TestSystemd_Documented compares the units with the commands that
// docs/deployment.md gives for them.
func TestSystemd_Documented(t *testing.T) {
	t.Parallel()
	manual := read(t, "docs/deployment.md")
	enabled := regexp.MustCompile(`systemctl enable --now (\S+)`).FindAllStringSubmatch(manual, -1)
	for _, found := range enabled {
		name := found[1]
		if !strings.Contains(name, ".") {
			name += ".service"
		}
		if unit(t, "deploy/systemd/"+name)["Install"]["WantedBy"] == nil {
			t.Errorf("%s cannot be enabled: it has no section Install", name)
		}
	}
	if len(enabled) != 2 {
		t.Errorf("the manual enables %q", enabled)
	}
	for _, name := range unitNames {
		args := commands(t)[name]
		if file := args[slices.Index(args, "--config")+1]; args[0] != installed || !strings.Contains(manual, " "+installed) || !strings.Contains(manual, " "+file) {
			t.Errorf("the manual does not install what %s starts: %q", name, args)
		}
	}
}

// TestProbes sends the requests of Kubernetes and of the image to a service, and
// those of the image to none.
func TestProbes(t *testing.T) {
	t.Parallel()
	url := serving(t)
	exposed(t, url) // it is ready
	container := at(podOf(manifests(t)["Deployment"]), "containers", 0)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		path, ok := at(container, probe, "httpGet", "path").(string)
		if !ok || at(container, probe, "httpGet", "port") != at(container, "ports", 0, "name") {
			t.Errorf("%s is %v", probe, at(container, probe))
		}
		res, err := http.Get(url + path) //nolint:noctx // of this machine, in a test
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s is answered %d", probe, path, res.StatusCode)
		}
	}
	for address, healthy := range map[string]bool{strings.TrimPrefix(url, "http://"): true, "127.0.0.1:1": false} {
		text := strings.Replace(configuration("http://127.0.0.1:1", "postgres://ada@127.0.0.1:1/none"), "127.0.0.1:0", address, 1)
		if out, err := program(t, text, "health").CombinedOutput(); err == nil != healthy {
			t.Errorf("%s: %v: %s", address, err, out)
		}
	}
}

package deploy

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"convsync/internal/load/pgtest"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// filled is text in an answer: a piece again and again, up to a size.
type filled struct {
	piece string
	bytes int
}

// compressed is a body of gzip members, of which that of a filled text is made
// once: gigabytes take no time.
func compressed(t *testing.T, parts ...any) []byte {
	t.Helper()
	pack := func(text string) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var body []byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			body = append(body, pack(part)...)
		case filled:
			some := strings.Repeat(part.piece, min(part.bytes, mib)/len(part.piece))
			body = append(body, bytes.Repeat(pack(some), part.bytes/len(some))...)
		}
	}
	return body
}

// largeAnswer is a page with a large member that is not known, conversations
// that are too large in several ways, some just below the limit in MiB, and two
// usual ones.
func largeAnswer(t *testing.T, unknown, limit int) (body []byte, stored, rejected int) {
	t.Helper()
	begin := func(id string) string {
		return `{"id":"` + id + `","started_at":"2026-06-03T12:00:00Z","in_progress":false,`
	}
	parts := []any{`{"debug":{"trace":["`, filled{"x", unknown}, `"]},"conversations":[`, begin("first") + `"note":""},`}
	for id, large := range map[string][]any{
		"note":    {`"note":"`, filled{"x", gib}, `"},`},
		"file":    {`"state":{"file":"`, filled{"QUJD", 280 * mib}, `"}},`},
		"turns":   {`"turns":[`, filled{"{},", 10 * mib}, `{}]},`},
		"metrics": {`"metrics":{"a":[`, filled{"1,", 10 * mib}, `1]}},`},
		"unknown": {`"b":1,`, filled{`"a":1,`, 10 * mib}, `"a":1},`},
	} {
		parts = append(append(parts, begin(id)), large...)
		rejected++
	}
	for i := range 3 {
		parts = append(parts, begin(fmt.Sprint("near", i)), `"note":"`, filled{"x", (limit - 1) * mib}, `"},`)
		stored++
	}
	values := limit * mib / 256 // that the limit allows
	parts = append(parts, begin("many"), `"turns":[`, filled{"{},", values * 9 / 10 / 2 * 3}, `{}]},`)
	return compressed(t, append(parts, begin("last")+`"note":""}],"cursor":null}`)...), stored + 3, rejected
}

// TestMemoryLimit runs the program under the limits of Kubernetes, as a limit of
// its data, which holds in any container.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	shipped := parseConfig(t, "config.yaml", at(all["ConfigMap"], "data", "convsync.yaml").(string), nil)
	limitMB := shipped.Sync.MaxConversationBytes / mib
	for kind, c := range map[string]struct {
		destination string
		unknown     int
	}{
		"Parquet":  {`parquet: { path: "` + t.TempDir() + `" }`, 3 * gib},
		"Postgres": {`postgres: { url: "` + pgtest.URL(t) + `" }`, mib}, // how it is skipped is the same
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			body, stored, rejected := largeAnswer(t, c.unknown, limitMB)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(body)
			}))
			t.Cleanup(server.Close)
			cmd := program(t, fmt.Sprintf(`
source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { %s }
sync: { start: 2026-06-03, max_conversation_mb: %d }
`, server.URL, c.destination, limitMB), "run", "--from", "2026-06-03", "--to", "2026-06-04", "--output", "json")
			container := at(podOf(all["CronJob"]), "containers", 0)
			cmd.Env = append(cmd.Environ(), "GOMEMLIMIT="+environmentOf(container)["GOMEMLIMIT"])
			var out, log bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &log
			if err := startLimited(cmd, bytesOf(t, at(container, "resources", "limits", "memory").(string))); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // partial: 3
			var report struct {
				Conversations struct{ Inserted, Rejected int }
			}
			if err := json.Unmarshal(out.Bytes(), &report); err != nil || cmd.ProcessState.ExitCode() != 3 {
				t.Fatalf("%s (%v): %.2000s", cmd.ProcessState, err, log.String())
			}
			if c := report.Conversations; c.Inserted != stored || c.Rejected != rejected {
				t.Errorf("%d are stored and %d rejected, want %d and %d: %s", c.Inserted, c.Rejected, stored, rejected, log.String())
			}
		})
	}
}

// environmentOf is the environment of a container.
func environmentOf(container any) map[string]string {
	environment := map[string]string{}
	list, _ := at(container, "env").([]any)
	for _, variable := range list {
		environment[at(variable, "name").(string)] = at(variable, "value").(string)
	}
	return environment
}

// bytesOf reads a size such as 512Mi, 320MiB or 1G.
func bytesOf(t *testing.T, size string) int64 {
	t.Helper()
	number, unit := strings.TrimRight(size, "GMKiB"), strings.TrimLeft(size, "0123456789")
	n, err := strconv.ParseInt(number, 10, 64)
	factor := map[string]int64{"Ki": kib, "Mi": mib, "Gi": gib, "M": mib, "G": gib}[strings.TrimSuffix(unit, "B")]
	if err != nil || factor == 0 {
		t.Fatalf("%q is no size", size)
	}
	return n * factor
}

func TestMemoryLimitsOfTheCollector(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	limits := map[string][2]string{}
	for _, kind := range []string{"CronJob", "Deployment"} {
		container := at(podOf(all[kind]), "containers", 0)
		limits[kind] = [2]string{environmentOf(container)["GOMEMLIMIT"], at(container, "resources", "limits", "memory").(string)}
	}
	for _, name := range []string{"convsync.service", "convsync-serve.service"} {
		service := unit(t, "deploy/systemd/"+name)["Service"]
		soft, _ := strings.CutPrefix(strings.Join(service["Environment"], ""), "GOMEMLIMIT=")
		limits[name] = [2]string{soft, service["MemoryMax"][0]}
	}
	convsync := at(compose(t), "services", "convsync")
	limits["Compose"] = [2]string{at(convsync, "environment", "GOMEMLIMIT").(string), at(convsync, "mem_limit").(string)}
	for name, limit := range limits {
		soft, hard := bytesOf(t, limit[0]), bytesOf(t, limit[1])
		if soft > hard*3/4 || soft < hard/2 {
			t.Errorf("%s: GOMEMLIMIT is %s of %s, want half to three quarters", name, limit[0], limit[1])
		}
	}
}

// startLimited starts a command that may have so many bytes of data.
func startLimited(cmd *exec.Cmd, data int64) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: uint64(data), Max: uint64(data)}
	return unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_DATA, &limit, nil)
}

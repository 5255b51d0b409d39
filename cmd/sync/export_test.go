package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/simulate"
)

// recorded loads voice conversations into a destination and stores their recordings,
// of which some are missing at the source.
func recorded(t *testing.T, destination string) (file, folder string) {
	t.Helper()
	audio := simulate.Audio{Bytes: 512, Share: map[simulate.AudioFault]float64{simulate.AudioMissing: 0.2}}
	_, server := withRecordings(t, 40, audio)
	file, folder = configureAudio(t, server.URL, destination, "{ mode: store, redacted: both, workers: 8 }")
	runAudio(t, file, exitOK)
	return file, folder
}

// exportJSON runs an export and returns its summary.
func exportJSON(t *testing.T, file string, code int, args ...string) (e exported) {
	t.Helper()
	r := convsync(t, nil, append([]string{"export", "audio", "--config", file, "--output", "json", "--from", "2026-06-01"}, args...)...)
	r.want(t, code)
	if err := json.Unmarshal([]byte(r.stdout), &e); err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.stdout, r.stderr)
	}
	return e
}

func TestExport(t *testing.T) {
	t.Parallel()
	for name, destination := range map[string]func() string{
		"Parquet":  func() string { return into(inFolder(t, "lake")) },
		"Postgres": func() string { return intoPostgres(newDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, folder := recorded(t, destination())
			parent := t.TempDir()
			key := filepath.Join(parent, "made-up")
			convsync(t, nil, "export", "keygen", "--out", key, "--no-password").want(t, exitOK, "created the key")
			first, second := filepath.Join(parent, "1"), filepath.Join(parent, "2")
			e := exportJSON(t, file, exitOK, "--to", "2026-06-14", "--copy", first, "--sign-key", key+".key")
			if e.Counts.Files < 10 || e.Counts.ByAvailability["missing"] == 0 || !e.Complete || e.Counts.Rows < e.Counts.Files+e.Counts.ByAvailability["missing"] {
				t.Errorf("got %+v", e.Counts)
			}
			if v := e.Counts.ByEvidence; v.Redacted["verified"] == 0 || v.Redacted["verified"]+v.Raw["verified"] != e.Counts.Files {
				t.Errorf("got %+v", v)
			}
			convsync(t, nil, "export", "verify", first, "--public-key", key+".pub").want(t, exitOK, "signature: valid", "ok: nothing is missing")

			// What is stored is copied, and the rest is requested: here all, as if without a store.
			third := filepath.Join(t.TempDir(), "3")
			away := filepath.Join(t.TempDir(), "convsync.yaml")
			text := readFile(t, file)
			writeFile(t, away, text[:strings.Index(text, "audio: { store:")]+"sync: { start"+text[strings.LastIndex(text, ": "):])
			all := exportJSON(t, away, exitOK, "--to", "2026-06-14", "--download", third, "--redacted", "true")
			if all.Counts.ByAvailability["available"] != all.Counts.Files || all.Counts.Files == 0 || all.Counts.ByAvailability["missing"] == 0 {
				t.Errorf("got %+v", all.Counts)
			}
			convsync(t, nil, "export", "verify", third).want(t, exitOK)

			// A copy that was changed, a range that is not read completely, and the chain.
			damageOne(t, folder)
			e = exportJSON(t, file, exitPartial, "--to", "2026-06-30", "--copy", second, "--format", "parquet", "--bagit")
			if e.Counts.Altered != 1 || len(e.Problems) != 1 || e.Complete || len(e.Coverage.Feeds[0].Gaps) != 1 || e.Previous.Folder != "1" {
				t.Errorf("got %+v", e)
			}
			convsync(t, nil, "export", "verify", parent).want(t, exitOK, "signature: none", "signature: not checked")
			writeFile(t, filepath.Join(first, "recordings.csv"), "other")
			convsync(t, nil, "export", "verify", parent).want(t, exitPartial, "changed: 1/recordings.csv")
			convsync(t, nil, "export", "audio", "--config", file, "--from", "2026-06-01", "--to", "2026-06-14", "--list", first).want(t, exitUsage, "is not empty")
		})
	}
}

// damageOne changes the first stored recording.
func damageOne(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "acme-team-4", "2026", "06", "*", "*.wav"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: no stored recordings", err)
	}
	content := []byte(readFile(t, files[0]))
	content[len(content)-1] ^= 1
	if err := os.WriteFile(files[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestExport_Usage(t *testing.T) {
	t.Parallel()
	lake := inFolder(t, "lake")
	file := configure(t, "http://127.0.0.1:1", into(lake))
	dates := " --from 2026-06-01 --to 2026-06-02 --config " + file
	for line, said := range map[string]string{
		"export video":                                     "use audio, verify or keygen",
		"export audio --from 2026-06-01":                   "--from and --to are required",
		"export audio --format xml" + dates:                "use csv, jsonl, parquet",
		"export audio --redacted maybe" + dates:            `--redacted "maybe"`,
		"export audio --list a --copy b" + dates:           "only one of --list, --copy and --download",
		"export audio --copy b" + dates:                    "needs audio.store",
		"export audio --list " + lake + "/x" + dates:       "is inside " + lake,
		"export audio --environment none" + dates:          "configured environments: live",
		"export audio --project none" + dates:              "configured projects: acme-team-4",
		"export audio --sign-key none.key" + dates:         "--sign-key: ",
		"export audio --password-file x" + dates:           "needs --sign-key",
		"export verify":                                    "takes one argument",
		"export verify " + t.TempDir():                     "there is no export",
		"export verify none":                               "none: no such file",
		"export verify . --public-key " + file:             "not a public key",
		"export keygen --no-password --password-file x":    "use one of them",
		"export keygen --out " + inFolder(t, "made-up"):    "use --password-file or --no-password",
		"export keygen --out x --password-file none/there": "--password-file: ",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			convsync(t, nil, strings.Fields(line)...).want(t, exitUsage, said)
		})
	}
}

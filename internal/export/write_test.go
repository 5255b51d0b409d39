package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jedisct1/go-minisign"

	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	key, public, base := testKey(t)
	for name, set := range map[string]func(*Options){
		"CSV":     func(o *Options) { o.Format = CSV },
		"JSONL":   func(o *Options) { o.Format = JSONL },
		"Parquet": func(o *Options) { o.Format = Parquet },
		"List":    func(o *Options) { o.Files, o.Store = List, nil },
		"BagIt":   func(o *Options) { o.BagIt = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 30)
			o := w.options(t)
			o.Key, o.Progress = key, new(Progress)
			set(&o)
			s := w.write(t, o)
			if !s.Complete() || s.Continued || s.Manifest.Counts.Conversations != 30 || s.Manifest.Counts.Rows != 57 {
				t.Errorf("got %+v", s.Manifest.Counts)
			}
			if want := map[FilesMode]int64{Copy: 39, List: 0}[o.Files]; s.Manifest.Counts.Files != want {
				t.Errorf("%d recordings, want %d", s.Manifest.Counts.Files, want)
			}
			if p := o.Progress.SoFar(); p.Rows != 57 || p.Files != s.Manifest.Counts.Files || p.Bytes != s.Manifest.Counts.Bytes || p.Share <= 0 || p.Share > 1 {
				t.Errorf("got %+v", p)
			}
			verifying := new(Progress)
			v := verified(t, o.Dir, VerifyOptions{Key: public, Progress: verifying})
			if p := verifying.SoFar(); p.Files != v.Exports[0].Files || p.Bytes != v.Exports[0].Bytes || o.Files == Copy && p.Share != 1 {
				t.Errorf("got %+v", p)
			}
			if len(v.Findings) > 0 || v.Exports[0].Signature != SignatureValid {
				t.Errorf("got %+v", v)
			}
			checkSums(t, o.Dir)
			checkMinisign(t, o.Dir, base)
			checkList(t, &o, s)
		})
	}
}

// checkMinisign checks the signature with another implementation.
func checkMinisign(t *testing.T, dir, base string) {
	t.Helper()
	public, err := minisign.NewPublicKeyFromFile(base + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := minisign.NewSignatureFromFile(filepath.Join(dir, signatureFile))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := public.VerifyFromFile(filepath.Join(dir, manifestFile), signature); !ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
}

// checkList checks that the list has the same rows in every format, and that its
// paths are those of the files.
func checkList(t *testing.T, o *Options, s *Summary) {
	t.Helper()
	prefix := ""
	if o.BagIt {
		prefix = bagPayload
	}
	rows := readList(t, filepath.Join(o.Dir, filepath.FromSlash(prefix)+"recordings."+o.Format), o.Format)
	if len(rows) != 57 {
		t.Fatalf("%d rows", len(rows))
	}
	files := tree(t, o.Dir)
	for _, r := range rows {
		if r["path"] != "" && files[r["path"]] == "" || r["from_number"] != "+44*****123" {
			t.Errorf("got %v", r)
		}
	}
	want := map[string]string{"project_id": "acme-team-4", "availability": "none", "reason": "not_enlisted", "redacted": "", "started_at": "2026-06-01T00:00:03.000000Z", "duration_seconds": "61.5"}
	for key, value := range want {
		if got := rows[6][key]; got != value { // after 0, 1 and 2 with two each
			t.Errorf("%s: got %q, want %q", key, got, value)
		}
	}
	if got := rows[7]; got["availability"] != "missing" || got["reason"] != "not_found" || got["redacted"] != "true" {
		t.Errorf("got %v", got)
	}
	if s.Manifest.Counts.ByAvailability["available"] != 48 || !slices.Equal(s.Manifest.RunIDs, []string{"run-0"}) {
		t.Errorf("got %+v", s.Manifest)
	}
}

// readList reads the values of a list as text; NULL is "".
func readList(t *testing.T, path, format string) (rows []map[string]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	switch format {
	case CSV:
		lines, err := csv.NewReader(file).ReadAll()
		if err != nil || !slices.Equal(lines[0], warehouse.ExportedRecordings.Names()) {
			t.Fatalf("%v: %q", err, lines)
		}
		for _, line := range lines[1:] {
			row := map[string]string{}
			for i, value := range line {
				row[lines[0][i]] = strings.TrimPrefix(value, csvPrefix)
			}
			rows = append(rows, row)
		}
	case JSONL:
		for lines := bufio.NewScanner(file); lines.Scan(); {
			values, row := map[string]json.RawMessage{}, map[string]string{}
			if err := json.Unmarshal(lines.Bytes(), &values); err != nil {
				t.Fatal(err)
			}
			for key, value := range values {
				row[key] = strings.Trim(strings.TrimPrefix(string(value), "null"), `"`)
			}
			rows = append(rows, row)
		}
	case Parquet:
		r, err := rowfile.Open(t.Context(), file, rowfile.New(&warehouse.ExportedRecordings, 10, ""), "")
		if err != nil {
			t.Fatal(err)
		}
		for {
			next, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if next == nil {
				return rows
			}
			row := map[string]string{}
			for _, c := range warehouse.ExportedRecordings.Columns {
				switch f := c.Ref(next.(*warehouse.ExportedRecording)).(type) {
				case *string:
					row[c.Name] = *f
				case *warehouse.Text:
					row[c.Name] = string(*f)
				default:
					row[c.Name] = string(appendPlain(nil, f))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func TestWrite_StoredCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	remove, alter := &w.conversations[5].Recordings[0], &w.conversations[6].Recordings[1]
	outside := &w.conversations[7].Recordings[0]
	if err := os.Remove(filepath.Join(w.store, string(remove.StoredURI))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.store, string(alter.StoredURI)), []byte("other bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	outside.StoredURI = "../" + outside.StoredURI
	o := w.options(t)
	s := w.write(t, o)
	if s.Complete() || s.Manifest.Counts.Lost != 2 || s.Manifest.Counts.Altered != 1 || len(s.Problems) != 3 {
		t.Errorf("got %+v, %+v", s.Manifest.Counts, s.Problems)
	}
	for _, r := range readList(t, filepath.Join(o.Dir, "recordings.csv"), CSV) {
		lost := strings.HasSuffix(r["reason"], "_recording")
		if lost != slices.Contains([]string{string(remove.StoredURI), string(alter.StoredURI), string(outside.StoredURI)}, r["stored_uri"]) || lost && r["path"] != "" {
			t.Errorf("got %v", r)
		}
	}
	if v := verified(t, o.Dir, VerifyOptions{}); len(v.Findings) > 0 {
		t.Errorf("got %+v", v)
	}
}

func TestWrite_Filter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	o := w.options(t)
	raw := false
	o.Filter.Redacted, o.Filter.From, o.ShowNumbers = &raw, start.Add(2e9), true
	w.write(t, o)
	rows := readList(t, filepath.Join(o.Dir, "recordings.csv"), CSV)
	if len(rows) != 8 || rows[0]["redacted"] != "false" || rows[0]["from_number"] != "+441632960123" {
		t.Errorf("got %v", rows)
	}
}

func TestWrite_NotEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	for name, c := range map[string]struct {
		prepare func(o *Options)
		said    string
	}{
		"Finished":    {func(o *Options) { w.write(t, *o) }, "is not empty: it has a finished export; choose"},
		"ForeignFile": {func(o *Options) { mustWrite(t, filepath.Join(o.Dir, "notes.txt")) }, "is not empty; choose"},
		"OtherOptions": {func(o *Options) {
			killed(t, w, *o, 20)
			o.Format = JSONL
		}, "repeat the command that began it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := w.options(t)
			c.prepare(&o)
			before := tree(t, o.Dir)
			_, err := Write(t.Context(), w, o)
			var refused *NotEmptyError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.said) {
				t.Errorf("got %v", err)
			}
			if after := tree(t, o.Dir); len(after) != len(before) {
				t.Errorf("the folder was changed: %v", after)
			}
		})
	}
}

func mustWrite(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("made up"), 0o600); err != nil {
		t.Fatal(err)
	}
}

var errKilled = errors.New("killed")

// killed writes an export as if the process was killed after some steps: nothing is
// changed from then on. It reports whether there were so many.
func killed(t *testing.T, w *world, o Options, after int64) bool {
	t.Helper()
	steps := atomic.Int64{}
	o.Step = func(string) error {
		if steps.Add(1) > after {
			return errKilled
		}
		return nil
	}
	_, err := Write(t.Context(), w, o)
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	return err != nil
}

func TestWrite_Killed(t *testing.T) {
	t.Parallel()
	key, public, _ := testKey(t)
	w := newWorld(t, 6) // with five files, which take two steps each, after four others
	for after := int64(0); ; after++ {
		o := w.options(t)
		o.BagIt, o.Key = true, key
		if !killed(t, w, o, after) {
			if after < 30 {
				t.Errorf("only %d steps", after)
			}
			return
		}
		w.opened.Store(0)
		s, err := Write(t.Context(), w, o)
		if err != nil {
			t.Fatalf("after %d steps: %v", after, err)
		}
		if v := verified(t, o.Dir, VerifyOptions{Key: public}); len(v.Findings) > 0 || !s.Complete() {
			t.Fatalf("after %d steps: %+v", after, v.Findings)
		}
		if after >= 14 && w.opened.Load() > 0 {
			t.Errorf("after %d steps: %d recordings are copied again", after, w.opened.Load())
		}
	}
}

func TestWrite_Erased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	o := w.options(t)
	killed(t, w, o, 18)
	erased := string(w.conversations[0].Recordings[0].StoredURI)
	if tree(t, o.Dir)["recordings/"+erased] == "" {
		t.Fatal("the recording was not copied before")
	}
	w.conversations = w.conversations[1:]
	if s := w.write(t, o); !s.Continued {
		t.Error("not continued")
	}
	if v := verified(t, o.Dir, VerifyOptions{}); len(v.Findings) > 0 || tree(t, o.Dir)["recordings/"+erased] != "" {
		t.Errorf("got %+v", v.Findings)
	}
}

package export

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// TestVerify_Tampered changes, removes and adds each file of an export in turn.
func TestVerify_Tampered(t *testing.T) {
	t.Parallel()
	key, public, _ := testKey(t)
	for name, set := range map[string]func(*Options){
		"Plain":  func(*Options) {},
		"Signed": func(o *Options) { o.Key = key },
		"Bag":    func(o *Options) { o.BagIt, o.Key = true, key },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 3)
			o := w.options(t)
			set(&o)
			w.write(t, o)
			check := VerifyOptions{}
			if name == "Signed" {
				check.Key = public
			}
			for file, text := range tree(t, o.Dir) {
				path := filepath.Join(o.Dir, filepath.FromSlash(file))
				for at := 0; at < len(text); at += 1 + len(text)/5 {
					flipped := []byte(text)
					flipped[at] ^= 1
					if err := os.WriteFile(path, flipped, 0o600); err != nil {
						t.Fatal(err)
					}
					expectFinding(t, o.Dir, check, file, Changed, BadSignature)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				expectFinding(t, o.Dir, check, file, Missing)
				if err := os.Symlink("/dev/null", path); err != nil {
					t.Fatal(err)
				}
				expectFinding(t, o.Dir, check, file, Changed, BadSignature)
				if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), 0o600), os.WriteFile(path+".x", nil, 0o600)); err != nil {
					t.Fatal(err)
				}
				expectFinding(t, o.Dir, check, file+".x", Added)
				if err := os.Remove(path + ".x"); err != nil {
					t.Fatal(err)
				}
			}
			if v := verified(t, o.Dir, check); len(v.Findings) > 0 {
				t.Errorf("got %+v", v.Findings)
			}
		})
	}
}

// expectFinding checks that the only findings are of a file, except that a change of
// the sums may also be one of the manifest or its signature: nothing says which, except
// that a key checks the manifest.
func expectFinding(t *testing.T, dir string, o VerifyOptions, file string, kinds ...string) {
	t.Helper()
	findings := verified(t, dir, o).Findings
	found := false
	for _, f := range findings {
		ambiguous := file == sumsFile && (f.Path == manifestFile && o.Key == nil || f.Path == signatureFile)
		found = found || slices.Contains(kinds, f.Kind) && (f.Path == file || ambiguous)
		related := f.Path == file || file == manifestFile || file == sumsFile || file == signatureFile
		if !related {
			t.Errorf("%v of %s: got %+v", kinds, file, f)
		}
	}
	if !found {
		t.Errorf("%v of %s: got %+v", kinds, file, findings)
	}
}

func TestVerify_Rewritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	o := w.options(t)
	w.write(t, o)
	list := filepath.Join(o.Dir, "recordings.csv")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	// A list that is replaced together with its sum differs from the manifest.
	changed := []byte(strings.Replace(string(text), "made-up-000000", "made-up-999999", 1))
	before, _, _ := hashOf(strings.NewReader(string(text)))
	after, _, _ := hashOf(strings.NewReader(string(changed)))
	sums, err := os.ReadFile(filepath.Join(o.Dir, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	sums = []byte(strings.Replace(string(sums), before, after, 1))
	if err := errors.Join(os.WriteFile(list, changed, 0o600), os.WriteFile(filepath.Join(o.Dir, sumsFile), sums, 0o600)); err != nil {
		t.Fatal(err)
	}
	checkSums(t, o.Dir)
	v := verified(t, o.Dir, VerifyOptions{})
	if len(v.Findings) != 2 || v.Findings[0].Path != sumsFile || v.Findings[1].Path != "recordings.csv" {
		t.Errorf("got %+v", v.Findings)
	}
}

func TestVerify_Key(t *testing.T) {
	t.Parallel()
	key, public, _ := testKey(t)
	_, other, _ := testKey(t)
	w := newWorld(t, 3)
	for name, c := range map[string]struct {
		key     *Key
		public  *PublicKey
		want    string
		finding bool
	}{
		"Valid":      {key, public, SignatureValid, false},
		"OtherKey":   {key, other, SignatureBad, true},
		"NotSigned":  {nil, public, SignatureNone, true},
		"NotChecked": {key, nil, SignatureNotChecked, false},
		"None":       {nil, nil, SignatureNone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := w.options(t)
			o.Key = c.key
			w.write(t, o)
			v := verified(t, o.Dir, VerifyOptions{Key: c.public})
			if v.Exports[0].Signature != c.want || c.finding != (len(v.Findings) == 1 && v.Findings[0].Kind == BadSignature) {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestVerify_Folder(t *testing.T) {
	t.Parallel()
	if _, err := Verify(t.Context(), t.TempDir(), VerifyOptions{}); !errors.Is(err, ErrNoExport) {
		t.Errorf("got %v", err)
	}
	w := newWorld(t, 3)
	o := w.options(t)
	killed(t, w, o, 9)
	v := verified(t, o.Dir, VerifyOptions{})
	if len(v.Findings) != 1 || v.Findings[0].Path != manifestFile || v.Findings[0].Detail != notFinished {
		t.Errorf("got %+v", v)
	}
	w.write(t, o)
	if err := os.WriteFile(filepath.Join(o.Dir, stateFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if v = verified(t, o.Dir, VerifyOptions{}); len(v.Findings) != 1 || v.Findings[0].Detail != notFinished {
		t.Errorf("got %+v", v)
	}
}

func TestVerify_Chain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper func(t *testing.T, parent string)
		want   string
	}{
		"Whole":   {func(*testing.T, string) {}, ""},
		"Removed": {func(t *testing.T, parent string) { os.RemoveAll(filepath.Join(parent, "2")) }, "3/manifest.json is not in this folder"},
		"First":   {func(t *testing.T, parent string) { os.RemoveAll(filepath.Join(parent, "1")) }, "2/manifest.json is not in this folder"},
		"Changed": {func(t *testing.T, parent string) {
			path := filepath.Join(parent, "1", manifestFile)
			text, err := os.ReadFile(path)
			if err = errors.Join(err, os.WriteFile(path, append(text, '\n'), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "2/manifest.json was changed since"},
		"Fork": {func(t *testing.T, parent string) {
			w := newWorld(t, 3)
			o := w.options(t)
			o.Dir, o.After = filepath.Join(parent, "4"), filepath.Join(parent, "2")
			w.write(t, o)
		}, "it follows 2, as"},
		"SecondStart": {func(t *testing.T, parent string) {
			w := newWorld(t, 3)
			o := w.options(t)
			w.write(t, o)
			if err := os.Rename(o.Dir, filepath.Join(parent, "5")); err != nil {
				t.Fatal(err)
			}
		}, "it names no previous export"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			w := newWorld(t, 3)
			for i, name := range []string{"1", "2", "3"} {
				o := w.options(t)
				o.Dir = filepath.Join(parent, name)
				s := w.write(t, o)
				if previous := s.Manifest.Previous; (previous == nil) != (i == 0) || i > 0 && previous.Folder != []string{"1", "2"}[i-1] {
					t.Fatalf("%s follows %+v", name, previous)
				}
			}
			c.tamper(t, parent)
			v := verified(t, parent, VerifyOptions{})
			chain := ""
			for _, f := range v.Findings {
				if f.Kind == BadChain {
					chain += f.Path + " " + f.Detail + "\n"
				}
			}
			if (c.want == "") != (chain == "") || !strings.Contains(strings.ReplaceAll(chain, " the previous export ", " "), lastWords(c.want)) {
				t.Errorf("got %q, want %q", chain, c.want)
			}
		})
	}
}

// lastWords returns what a finding must contain: everything after the path.
func lastWords(want string) string {
	if path, rest, ok := strings.Cut(want, " "); ok && strings.HasSuffix(path, ".json") {
		return rest
	}
	return want
}

func TestCoverageOf(t *testing.T) {
	t.Parallel()
	state := load.FeedState{Coverage: []load.Range{{From: 10, Until: 20, ReadAt: 99}, {From: 30, Until: 40, ReadAt: 99}}}
	state.Holes = append(state.Holes, hole(40, 42))
	state.Open = []load.OpenConversation{{StartedAt: 15}, {StartedAt: 60}}
	for name, c := range map[string]struct {
		from, until int64
		read        int
		gaps        string
	}{
		"Complete":   {12, 20, 1, ""},
		"Between":    {10, 40, 2, "20-30 not_read,"},
		"Hole":       {30, 42, 1, "40-42 unreadable,"},
		"Ends":       {5, 50, 2, "5-10 not_read,20-30 not_read,40-42 unreadable,42-50 not_read,"},
		"NothingYet": {50, 60, 0, "50-60 not_read,"},
		"Before":     {1, 9, 0, "1-9 not_read,"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := coverageOf(&state, stamp(c.from), stamp(c.until))
			gaps := ""
			for _, g := range got.Gaps {
				gaps += text(g.From) + "-" + text(g.Until) + " " + g.Reason + ","
			}
			if gaps != c.gaps || len(got.Read) != c.read || got.Open != map[bool]int{true: 1}[c.from <= 15 && c.until > 15] {
				t.Errorf("got %q, %+v", gaps, got)
			}
		})
	}
}

func TestWrite_Gap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	o := w.options(t)
	o.Filter.Until = o.Filter.Until.AddDate(0, 0, 1)
	w.rejects = []load.RejectKey{{}, {StartedAt: warehouse.Some(warehouse.TimestampOf(start))}, {StartedAt: warehouse.Some(warehouse.TimestampOf(start) - 1)}}
	s := w.write(t, o)
	if rejected := s.Manifest.Coverage.Feeds[0].Rejected; rejected != 2 {
		t.Errorf("%d rejected, want 2", rejected)
	}
	gaps := s.Manifest.Coverage.Feeds[0].Gaps
	if s.Complete() || len(gaps) != 1 || !gaps[0].From.Equal(start.AddDate(0, 0, 1)) {
		t.Errorf("got %+v", gaps)
	}
	if text := tree(t, o.Dir)[coverageFile]; !strings.Contains(text, `"reason": "not_read"`) {
		t.Errorf("coverage.json: %s", text)
	}
}

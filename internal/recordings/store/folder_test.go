package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"convsync/internal/wav"
)

func TestFolder_Write(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"Short": 10, "Head": wav.HeadBytes - 44, "Buffer": bufferBytes + wav.HeadBytes - 44, "Long": 1_000_000} {
		for _, sized := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, sized), func(t *testing.T) {
				t.Parallel()
				root, b := filepath.Join(t.TempDir(), "recordings"), recording(n, 1)
				f := claim(t, open(t, root, nil))
				from := Source{Body: iotest.DataErrReader(bytes.NewReader(b)), Size: -1}
				if sized {
					from = Source{Body: iotest.HalfReader(bytes.NewReader(b)), Size: int64(len(b))}
				}
				c, err := f.Write(t.Context(), named("CA01"), from)
				if err != nil || c.SHA256 != hashOf(b) || c.Bytes != int64(len(b)) || c.Existed {
					t.Fatalf("got %+v, %v", c, err)
				}
				if seconds, ok := c.Header.Seconds(c.Bytes); c.Header.Codec != "pcm_u8" || !ok || seconds != float64(n)/8000 {
					t.Errorf("got %v seconds of %+v", seconds, c.Header)
				}
				if err := f.Sync(); err != nil || c.URI != "made-up/2026/11/04/CA01.combined.redacted.wav" {
					t.Errorf("got %s, %v", c.URI, err)
				}
				wantFiles(t, root, map[string][]byte{"2026/11/04/CA01.combined.redacted.wav": b})
			})
		}
	}
}

func TestFolder_WriteRefuses(t *testing.T) {
	t.Parallel()
	whole := recording(100_000, 1)
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		body   string
		size   int64 // 0: that of the body
		end    error
		reason string
	}{
		"HTML":          {body: "\ufeff\n<!DOCTYPE html><p>made up</p>", reason: ReasonHTML},
		"HTMLCut":       {body: "<!DOCTYPE html><p>", end: io.ErrUnexpectedEOF, reason: ReasonHTML},
		"JSON":          {body: ` {"error_code": "MADE_UP"}`, reason: ReasonJSON},
		"JSONList":      {body: `[]`, reason: ReasonJSON},
		"Empty":         {size: -1, reason: ReasonEmpty},
		"EmptyCut":      {size: 10, end: io.ErrUnexpectedEOF, reason: ReasonShort},
		"Text":          {body: "a recording of 8 seconds", reason: ReasonNotWAV},
		"OtherRIFF":     {body: "RIFF\x04\x00\x00\x00AVI LIST", reason: ReasonNotWAV},
		"OnlyHeader":    {body: string(whole[:30]), reason: ReasonShort},
		"ThreeBytes":    {body: "RIF", reason: ReasonShort},
		"Short":         {body: string(whole[:90_000]), size: int64(len(whole)), reason: ReasonShort},
		"ShortCut":      {body: string(whole[:90_000]), size: int64(len(whole)), end: io.ErrUnexpectedEOF, reason: ReasonShort},
		"ShortChunked":  {body: string(whole[:90_000]), size: -1, end: io.ErrUnexpectedEOF, reason: ReasonShort},
		"Long":          {body: string(whole) + "more", size: int64(len(whole)), reason: ReasonLong},
		"HeaderLonger":  {body: string(whole[:90_000]), reason: ReasonHeaderLonger},
		"HeaderChunked": {body: string(whole[:90_000]), size: -1, reason: ReasonHeaderLonger},
		"Reset":         {body: string(whole[:90_000]), size: int64(len(whole)), end: reset},
		"ResetEOF":      {body: string(whole), size: -1, end: fmt.Errorf("%w: %w", reset, io.EOF)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			f := claim(t, open(t, root, nil))
			var body io.Reader = strings.NewReader(c.body)
			if c.end != nil {
				body = io.MultiReader(body, iotest.ErrReader(c.end))
			}
			if c.size == 0 {
				c.size = int64(len(c.body))
			}
			_, err := f.Write(t.Context(), named("CA01"), Source{Body: body, Size: c.size})
			if c.reason != "" {
				wantReason(t, err, c.reason)
			} else if !errors.Is(err, reset) || IsUnavailable(err) {
				t.Errorf("got %v, want the error of the body", err)
			}
			wantFiles(t, root, nil)
		})
	}
}

func TestFolder_WriteCancelled(t *testing.T) {
	t.Parallel()
	root, stopped := t.TempDir(), errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := claim(t, open(t, root, func(operation, _ string) error {
		if operation == "write" {
			cancel(stopped)
		}
		return nil
	}))
	if _, err := f.Write(ctx, named("CA01"), source(recording(1_000_000, 1))); !errors.Is(err, stopped) || IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
	wantFiles(t, root, nil)
}

func TestFolder_AcceptIncomplete(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(1000, 1)[:800]
	f := claim(t, open(t, root, nil))
	from := source(b)
	from.AcceptIncomplete = true
	c, err := f.Write(t.Context(), named("CA01"), from)
	if err != nil || c.Header.Complete(c.Bytes) {
		t.Fatalf("got %+v, %v", c, err)
	}
	if _, ok, err := f.Adopt(t.Context(), named("CA01"), -1); ok || err != nil {
		t.Errorf("it is adopted without a size: %v", err)
	}
	if _, ok, err := f.Adopt(t.Context(), named("CA01"), 800); !ok || err != nil {
		t.Errorf("it is not adopted with its size: %v", err)
	}
}

func TestFolder_WriteLongHeader(t *testing.T) {
	t.Parallel()
	b := recording(10, 1)
	b = append(append(append([]byte{}, b[:12]...), "JUNK\x00\x00\x02\x00"...), append(make([]byte, 0x20000), b[12:]...)...)
	c := write(t, claim(t, open(t, t.TempDir(), nil)), "CA01", b)
	if c.SHA256 != hashOf(b) || c.Header.Codec != "" {
		t.Errorf("got %+v", c)
	}
}

func TestFolder_WriteTwin(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(1000, 1)
	f := claim(t, open(t, root, nil))
	redacted := write(t, f, "CA01", b)
	raw, from := named("CA01"), source(b)
	raw.Redacted, from.Twin = false, &redacted
	c, err := f.Write(t.Context(), raw, from)
	if err != nil || c.URI != redacted.URI || !c.IsTwin || !c.Existed {
		t.Errorf("got %+v, %v", c, err)
	}
	wantFiles(t, root, map[string][]byte{"2026/11/04/CA01.combined.redacted.wav": b})

	if err := os.WriteFile(filepath.Join(root, redacted.URI), recording(1000, 2), 0o600); err != nil {
		t.Fatal(err)
	}
	from.Body = bytes.NewReader(b) // the twin was altered
	c, err = f.Write(t.Context(), raw, from)
	if err != nil || c.URI != "made-up/2026/11/04/CA01.combined.raw.wav" || c.IsTwin || c.Existed {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A file under the name of a recording is kept if it has the same bytes, and moved
// away otherwise.
func TestFolder_WriteExisting(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(1000, 1)
	f := claim(t, open(t, root, nil))
	first := write(t, f, "CA01", b)
	if again := write(t, f, "CA01", b); !again.Existed || again.IsTwin || again.URI != first.URI || again.SHA256 != first.SHA256 {
		t.Errorf("got %+v", again)
	}
	for i, other := range [][]byte{recording(1000, 2), recording(1000, 3)} {
		if second := write(t, f, "CA01", other); second.Existed || second.URI != first.URI {
			t.Errorf("%d: got %+v", i, second)
		}
		wantFiles(t, root, map[string][]byte{"2026/11/04/CA01.combined.redacted.wav": other})
	}
	moved := files(t, filepath.Join(root, ownFolder, quarantineFolder, "made-up"))
	if moved["CA01.combined.redacted.wav"] != string(b) || moved["CA01.combined.redacted.wav.1"] != string(recording(1000, 2)) {
		t.Errorf("%d files are in the quarantine", len(moved))
	}
}

func TestFolder_Adopt(t *testing.T) {
	t.Parallel()
	b := recording(1000, 1)
	for name, c := range map[string]struct {
		content []byte
		size    int64
		want    bool
	}{
		"Same":        {b, int64(len(b)), true},
		"SizeUnknown": {b, -1, true},
		"OtherSize":   {b, int64(len(b)) + 1, false},
		"NotWAV":      {[]byte("made up text"), -1, false},
		"Empty":       {[]byte{}, -1, false},
		"Cut":         {b[:800], -1, false},
		"Missing":     {nil, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			f := claim(t, open(t, root, nil))
			path := filepath.Join(root, URI("made-up", named("CA01")))
			if c.content != nil {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, c.content, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			got, ok, err := f.Adopt(t.Context(), named("CA01"), c.size)
			if err != nil || ok != c.want {
				t.Fatalf("got %+v, %v, %v", got, ok, err)
			}
			if ok && (got.SHA256 != hashOf(b) || got.Bytes != int64(len(b)) || got.Header.Codec != "pcm_u8" || !got.Existed || got.URI != URI("made-up", named("CA01"))) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestFolder_Remove(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(10, 1)
	s := open(t, root, nil)
	f := claim(t, s)
	c := write(t, f, "CA01", b)
	write(t, f, "CA02", b)
	for range 2 {
		if err := errors.Join(f.Remove(c.URI), f.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	wantFiles(t, root, map[string][]byte{"2026/11/04/CA02.combined.redacted.wav": b})
	for _, uri := range []string{"", "made-up", "other/2026/11/04/CA02.combined.redacted.wav", "made-up/../x", "../x", "/etc/x",
		".convsync/store.json", ".CONVSYNC/store.json", "made-up/./x", "made-up//x"} {
		if _, err := f.Quarantine(uri); f.Remove(uri) == nil || err == nil {
			t.Errorf("%q is accepted", uri)
		}
		if uri == "other/2026/11/04/CA02.combined.redacted.wav" {
			continue
		}
		if _, _, err := s.Sum(t.Context(), uri); !isMissing(err) {
			t.Errorf("%q: got %v", uri, err)
		}
	}
}

// A file has its final name only after its content is durable, and is reported as
// durable only after its folders are.
// TestFolder_RemoveQuarantined removes what is in the quarantine of a conversation.
func TestFolder_RemoveQuarantined(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root, nil)
	f := claim(t, s)
	for range 2 {
		if _, err := f.Quarantine(write(t, f, "CA01", recording(10, 1)).URI); err != nil {
			t.Fatal(err)
		}
	}
	c := write(t, f, "CA01", recording(10, 1))
	found, err := s.Find(t.Context(), "made-up", []string{"CA01"})
	want := []string{c.URI, ".convsync/quarantine/made-up/CA01.combined.redacted.wav", ".convsync/quarantine/made-up/CA01.combined.redacted.wav.1"}
	if err != nil || !slices.Equal(found["CA01"], want) {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, uri := range want {
		if err := f.Remove(uri); err != nil {
			t.Error(err)
		}
	}
	if left, err := s.Find(t.Context(), "made-up", []string{"CA01"}); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, uri := range []string{".convsync/quarantine/other/CA01.combined.redacted.wav", ".convsync/quarantine/made-up/..", ".convsync/quarantine/made-up"} {
		if f.Remove(uri) == nil {
			t.Errorf("%s is accepted", uri)
		}
	}
}

func TestFolder_Order(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var steps []string
	s := open(t, root, nil)
	s.disk.step = func(operation, path string) error {
		name, _ := filepath.Rel(root, path)
		steps = append(steps, operation+" "+filepath.ToSlash(name))
		return nil
	}
	f := claim(t, s)
	steps = nil
	write(t, f, "CA01", recording(10, 1))
	const part, final = ".convsync/tmp/made-up/1.part", "made-up/2026/11/04/CA01.combined.redacted.wav"
	want := []string{"create " + part, "write " + part, "lstat " + final, "sync " + part, "close " + part,
		"mkdir made-up", "mkdir made-up/2026", "mkdir made-up/2026/11", "mkdir made-up/2026/11/04", "rename " + final}
	if !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	}
	steps = nil
	err := f.Sync()
	slices.Sort(steps)
	want = []string{"sync .", "sync made-up", "sync made-up/2026", "sync made-up/2026/11", "sync made-up/2026/11/04"}
	if err != nil || !slices.Equal(steps, want) {
		t.Errorf("got %q, %v; want %q", steps, err, want)
	}
}

package polyai

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestGzipBody damages a compressed response in each byte, and compares the
// result with that of the standard library.
func TestGzipBody(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`{"id":"a","note":"made up"},`, 300)
	member := zipped(t, text)
	inputs := map[string][]byte{
		"Sound":       member,
		"TwoMembers":  append(bytes.Clone(member), member...),
		"Trailing":    append(bytes.Clone(member), "<html>"...),
		"Empty":       {},
		"EmptyMember": zipped(t, ""),
		"NotGzip":     []byte(text),
	}
	for i := range member {
		inputs["Cut"+string(rune(i))] = member[:i]
		flipped := bytes.Clone(member)
		flipped[i] ^= 0x10
		inputs["Flipped"+string(rune(i))] = flipped
	}
	for name, in := range inputs {
		want, wantErr := stdUnzip(in)
		body := &gzipBody{body: io.NopCloser(iotest.OneByteReader(bytes.NewReader(in)))}
		got, err := io.ReadAll(body)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, %v, want %d bytes, %v", name, len(got), err, len(want), wantErr)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if _, err := body.Read(make([]byte, 1)); !errors.Is(err, errBodyClosed) {
			t.Errorf("%q: read after Close: %v", name, err)
		}
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err1 := io.WriteString(w, text)
	if err := errors.Join(err1, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func stdUnzip(in []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(in))
	if err == io.EOF { //nolint:errorlint // a response without a body is empty, one that is cut is not
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestGzipBody_CloseDuringRead closes a body while it is read: the reader must not
// be reused before the Read has ended.
func TestGzipBody_CloseDuringRead(t *testing.T) {
	t.Parallel()
	in, feed := io.Pipe()
	body := &gzipBody{body: in}
	done := make(chan error)
	go func() {
		_, err := io.ReadAll(body)
		done <- err
	}()
	if _, err := feed.Write(zipped(t, "a")[:12]); err != nil { // a Read waits for the rest
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("a closed body was read to its end")
	}
	if body.reader != nil {
		t.Error("the reader was not recycled")
	}
}

// TestGzip_Identity checks that a response that is not compressed, although it may
// be, is read as it is.
func TestGzip_Identity(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(http.StatusNotAcceptable)
		}
		io.WriteString(w, `{"conversations":[{"id":"a"}]}`)
	})
	if values, _, err := readAll(t, client, someQuery); err != nil || len(values) != 1 {
		t.Errorf("%d conversations, %v", len(values), err)
	}
}

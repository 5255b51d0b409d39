package polyai

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var someRecording = Recording{
	ProjectID:      "acme-team-4",
	ConversationID: "CA/1 ä",
	Direction:      "combined",
	Redacted:       true,
}

// building starts a build host and returns a client of it.
func building(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) *BuildClient {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return madeUpKey, nil }}
	for _, f := range change {
		f(&o)
	}
	client, err := NewBuildClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// hear reads a recording to its end.
func hear(t *testing.T, c *BuildClient, r Recording) (body []byte, size int64, err error) {
	t.Helper()
	a, err := c.Audio(t.Context(), r)
	if err != nil {
		return nil, 0, err
	}
	defer a.Body.Close()
	body, err = io.ReadAll(a.Body)
	return body, a.Size, err
}

func TestAudio_Request(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("made-up "), 20_000)
	var got *http.Request
	c := building(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		http.ServeContent(w, r, "a.wav", time.Time{}, bytes.NewReader(content))
	})
	body, size, err := hear(t, c, someRecording)
	if err != nil || !bytes.Equal(body, content) || size != int64(len(content)) {
		t.Errorf("read %d bytes, size %d: %v", len(body), size, err)
	}
	if path, want := got.URL.RequestURI(), "/v1/agents/acme-team-4/conversations/CA%2F1%20%C3%A4/audio?direction=combined&redacted=true"; path != want {
		t.Errorf("requested %s, want %s", path, want)
	}
	h := got.Header
	if h.Get("X-Api-Key") != madeUpKey || !strings.HasPrefix(h.Get("Accept"), "audio/wav") || h.Get("Accept-Encoding") != "identity" || h.Get("Range") != "" {
		t.Errorf("headers %v", h)
	}
}

func TestAudio_KeyRenewed(t *testing.T) {
	t.Parallel()
	renewable := func(o *Options) {
		o.Key = func(_ context.Context, renew bool) (string, error) {
			return map[bool]string{false: madeUpKey, true: "made-up-key-0002"}[renew], nil
		}
	}
	c := building(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") == madeUpKey {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}, renewable)
	if _, err := c.Probe(t.Context(), someRecording, ProbeHead); err != nil {
		t.Error(err)
	}
}

func TestAudio_BadID(t *testing.T) {
	t.Parallel()
	c := building(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("requested %s", r.URL) })
	for _, id := range []string{"", ".", ".."} {
		for _, r := range []Recording{{ProjectID: "p", ConversationID: id}, {ProjectID: id, ConversationID: "c"}} {
			if _, err := c.Audio(t.Context(), r); !errors.Is(err, ErrBadID) || AudioReason(err) != "bad_id" || IsTemporary(err) {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
}

func TestAudio_Errors(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://storage.example.com/made-up")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	cut := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "RIFF")
	}
	for name, c := range map[string]struct {
		handler   http.HandlerFunc
		reason    string
		text      string
		temporary bool
	}{
		"NoRecording":  {status(404, `{"error_code":"CONVERSATIONS_RECORDING_NOT_FOUND"}`), "no_recording", "CONVERSATIONS_RECORDING_NOT_FOUND", false},
		"NotFound":     {status(404, `{}`), "status_404", "check region, agents_base_url", false},
		"Unauthorized": {status(401, ``), "status_401", "check workspace_api_key", false},
		"Forbidden":    {status(403, ``), "status_403", "check workspace_api_key", false},
		"Redirect":     {status(302, ``), "redirect", "set agents_base_url to the final host", false},
		"Unavailable":  {status(503, ``), "status_503", "503", true},
		"Unasked206":   {status(206, `RIFF`), "status_206", "206", false},
		"Short":        {cut, "short_body", "unexpected EOF", true},
		"ShortChunked": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "RIFF")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "short_body", "unexpected EOF", true},
		"Encoded": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "RIFF")
			_ = z.Close()
		}, "encoded", "compressed although", true},
		"Stalled": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "RIFF")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "stalled", "no data for", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := building(t, c.handler, func(o *Options) {
				if name == "Stalled" {
					o.Timeouts.Idle = 10 * time.Millisecond
				}
			})
			_, _, err := hear(t, client, someRecording)
			if err == nil || AudioReason(err) != c.reason || IsTemporary(err) != c.temporary || !strings.Contains(err.Error(), c.text) {
				t.Errorf("reason %q, temporary %t: %v", AudioReason(err), IsTemporary(err), err)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "GET http://") || strings.Contains(err.Error(), madeUpKey)) {
				t.Errorf("the text is %v", err)
			}
			if IsNoRecording(err) != (name == "NoRecording") || IsRedirect(err) != (name == "Redirect") || errors.Is(err, io.ErrUnexpectedEOF) != (c.reason == "short_body") {
				t.Errorf("misclassified: %v", err)
			}
		})
	}
}

func TestAudio_NotReached(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	c := building(t, nil, func(o *Options) { o.BaseURL = server.URL })
	if _, _, err := hear(t, c, someRecording); AudioReason(err) != "unreachable" {
		t.Errorf("reason %q: %v", AudioReason(err), err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrUnexpectedEOF) // of another recording
	if _, err := c.Audio(ctx, someRecording); err == nil || AudioReason(err) != "" || IsTemporary(err) {
		t.Errorf("reason %q: %v", AudioReason(err), err)
	}
	if AudioReason(nil) != "" || AudioReason(errors.New("no key")) != "" {
		t.Error("a reason although no recording was requested")
	}
}

// TestAudio_SlowBody: a recording may take longer than a conversation of a page.
func TestAudio_SlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := &timedBody{pause: 20 * time.Second, part: strings.Repeat("x", 3000), parts: 200}
		r := newIdleReader(body, func(error) {}, time.Minute)
		defer r.close()
		r.floor.isRecording = true
		if n, err := io.Copy(io.Discard, r); n != 600_000 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// recordingHost serves a recording; it may honor ranges, HEAD, or neither.
func recordingHost(content string, ranges, head bool, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.Header.Get("Range"))
		switch {
		case r.Method == http.MethodHead && !head:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case ranges:
			http.ServeContent(w, r, "a.wav", time.Time{}, strings.NewReader(content))
		default:
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = io.WriteString(w, content)
		}
	}
}

func TestProbe_Methods(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("made up ", 100_000)
	for _, content := range []string{"", "RIFF", strings.Repeat("x", HeadBytes), long} {
		for _, ranges := range []bool{false, true} {
			var asked []string
			c := building(t, recordingHost(content, ranges, true, &asked))
			for m, request := range []string{"GET bytes=0-65535", "HEAD ", "GET "} {
				method := ProbeMethod(m)
				got, err := c.Probe(t.Context(), someRecording, method)
				if err != nil {
					t.Errorf("%s of %d bytes, ranges %t: %v", method, len(content), ranges, err)
					continue
				}
				start := content[:min(len(content), HeadBytes)]
				if method == ProbeHead {
					start = ""
				}
				whole := method != ProbeHead && start == content
				ranged := method == ProbeRange && ranges && content != "" // net/http ignores a range of an empty file
				if got.Size != int64(len(content)) || string(got.Start) != start || got.Whole != whole || got.Ranged != ranged || got.Server.IsZero() {
					t.Errorf("%s of %d bytes, ranges %t: size %d, %d bytes, whole %t, ranged %t", method, len(content), ranges, got.Size, len(got.Start), got.Whole, got.Ranged)
				}
				if asked[len(asked)-1] != request {
					t.Errorf("%s requested %q", method, asked[len(asked)-1])
				}
			}
		}
	}
}

func TestProbe_NoHead(t *testing.T) {
	t.Parallel()
	var asked []string
	c := building(t, recordingHost("RIFF", true, false, &asked))
	_, err := c.Probe(t.Context(), someRecording, ProbeHead)
	if AudioReason(err) != "status_405" || !strings.HasPrefix(err.Error(), "HEAD http://") {
		t.Errorf("reason %q: %v", AudioReason(err), err)
	}
}

func TestProbe_Ranges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header string // Content-Range
		body   string
		want   AudioHead
		reason string
	}{
		"Known":       {206, "bytes 0-3/9", "RIFF", AudioHead{Size: 9, Start: []byte("RIFF"), Ranged: true}, ""},
		"Complete":    {206, "bytes 0-3/4", "RIFF", AudioHead{Size: 4, Start: []byte("RIFF"), Ranged: true, Whole: true}, ""},
		"UnknownSize": {206, "bytes 0-3/*", "RIFF", AudioHead{Size: -1, Start: []byte("RIFF"), Ranged: true}, ""},
		"Empty":       {416, "bytes */0", "", AudioHead{Size: 0, Ranged: true, Whole: true}, ""},
		"Short":       {206, "bytes 0-9/20", "RIFF", AudioHead{}, "short_body"},
		"Another":     {206, "bytes 4-7/9", "WAVE", AudioHead{}, "range"},
		"Beyond":      {206, "bytes 0-9/9", "RIFF", AudioHead{}, "range"},
		"NoHeader":    {206, "", "RIFF", AudioHead{}, "range"},
		"Refused":     {416, "bytes */9", "", AudioHead{}, "status_416"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := building(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				w.Header().Set("Content-Range", c.header)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got, err := client.Probe(t.Context(), someRecording, ProbeRange)
			if AudioReason(err) != c.reason {
				t.Fatalf("reason %q: %v", AudioReason(err), err)
			}
			if err == nil && (got.Size != c.want.Size || !bytes.Equal(got.Start, c.want.Start) || got.Whole != c.want.Whole || got.Ranged != c.want.Ranged) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestProbe_UnknownSize: without a Content-Length, only the end of the body tells the size.
func TestProbe_UnknownSize(t *testing.T) {
	t.Parallel()
	for n, size := range map[int]int64{1000: 1000, HeadBytes: -1, 2 * HeadBytes: -1} {
		c := building(t, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", n))
		})
		got, err := c.Probe(t.Context(), someRecording, ProbeClosed)
		if err != nil || got.Size != size || got.Whole != (size > 0) || len(got.Start) != min(n, HeadBytes) {
			t.Errorf("%d bytes: %d of %d, %v", n, len(got.Start), got.Size, err)
		}
	}
}

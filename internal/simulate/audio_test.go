package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// recordingPath is the path of a recording, with its query.
func recordingPath(id, direction string, redacted bool) string {
	return fmt.Sprintf("/v1/agents/acme-team-4/conversations/%s/audio?direction=%s&redacted=%t", url.PathEscape(id), direction, redacted)
}

// askAudio sends a request for a recording, with headers in pairs.
func askAudio(t testing.TB, s http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Api-Key", "key")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// audioTest returns a simulator with small recordings, and its voice conversations.
func audioTest(t testing.TB, conversations int, audio Audio, change ...func(*Options)) (*Simulator, []*Truth) {
	t.Helper()
	o := testOptions(conversations)
	o.Audio = audio
	if o.Audio.SampleRateHz == 0 {
		o.Audio.SampleRateHz = 50
	}
	for _, f := range change {
		f(&o)
	}
	s := newTest(t, o)
	var voices []*Truth
	for _, c := range truths(s, s.now()) {
		if c.Conversation["channel_family"] == "voice" {
			voices = append(voices, c)
		}
	}
	return s, voices
}

func TestAudio(t *testing.T) {
	t.Parallel()
	for _, deviations := range []Deviations{{}, AllDeviations()} {
		s, voices := audioTest(t, 300, Audio{Codec: AudioMixed}, func(o *Options) { o.Deviations = deviations })
		hashes := map[string]string{}
		for _, c := range voices {
			for _, direction := range []string{"combined", "user", "agent"} {
				for _, redacted := range []bool{false, true} {
					want, ok := s.Recording("acme-team-4", c.ID, direction, redacted, later)
					if open := c.Conversation["in_progress"] == true; open == ok {
						t.Fatalf("%q: in progress %t, recording %t", c.ID, open, ok)
					} else if open {
						continue
					}
					w := askAudio(t, s, http.MethodGet, recordingPath(c.ID, direction, redacted))
					sum := sha256.Sum256(w.Body.Bytes())
					got := hex.EncodeToString(sum[:])
					if w.Code != 200 || got != want.SHA256() || int64(w.Body.Len()) != want.Bytes || w.Header().Get("Content-Type") != "audio/wav" || want.Availability != "available" {
						t.Fatalf("%q %s %t: %d, %d bytes, want %+v", c.ID, direction, redacted, w.Code, w.Body.Len(), want)
					}
					if other := hashes[got]; other != "" {
						t.Fatalf("%q and %q have the same recording", c.ID, other)
					}
					hashes[got] = c.ID
					if seconds, known := c.Conversation["total_duration_seconds"].(float64); known && want.Seconds != float64(int64(seconds)) {
						t.Errorf("%q: %g seconds of a call of %g", c.ID, want.Seconds, seconds)
					}
				}
			}
		}
		if got := s.AudioRequests(); got.Whole != int64(len(hashes)) || got.Total() != got.Whole || s.MostAudioRequests() != 1 {
			t.Errorf("counted %+v requests of %d", got, len(hashes))
		}
	}
}

func TestAudio_None(t *testing.T) {
	t.Parallel()
	s, voices := audioTest(t, 300, Audio{})
	removed, kept := voices[0], voices[1]
	if err := s.Override("acme-team-4", "live", removed.Index, Override{Remove: true}); err != nil {
		t.Fatal(err)
	}
	chat := ""
	for _, c := range truths(s, later) {
		if c.Conversation["channel_family"] == "chat" {
			chat = c.ID
		}
	}
	path := recordingPath(kept.ID, "user", true)
	for name, c := range map[string]struct {
		method, path, key string
		status            int
		code              string
	}{
		"removed":   {"GET", recordingPath(removed.ID, "user", true), "key", 404, "CONVERSATIONS_RECORDING_NOT_FOUND"},
		"chat":      {"GET", recordingPath(chat, "user", true), "key", 404, "CONVERSATIONS_RECORDING_NOT_FOUND"},
		"unknown":   {"GET", recordingPath("CA0", "user", true), "key", 404, "CONVERSATIONS_RECORDING_NOT_FOUND"},
		"dots":      {"GET", recordingPath("..", "user", true), "key", 404, "CONVERSATIONS_RECORDING_NOT_FOUND"},
		"project":   {"GET", strings.Replace(path, "acme-team-4", "acme-team-5", 1), "key", 404, "PROJECT_NOT_FOUND"},
		"alias":     {"GET", strings.Replace(path, "acme-team-4", "PROJECT-58RP822I", 1), "key", 200, ""},
		"defaults":  {"GET", strings.Split(path, "?")[0], "key", 200, ""},
		"direction": {"GET", recordingPath(kept.ID, "both", true), "key", 400, "BAD_REQUEST"},
		"redacted":  {"GET", strings.Replace(path, "true", "yes", 1), "key", 400, "BAD_REQUEST"},
		"key":       {"GET", path, "other", 401, "UNAUTHORIZED"},
		"method":    {"POST", path, "key", 405, "METHOD_NOT_ALLOWED"},
	} {
		w := askAudio(t, s, c.method, c.path, "X-Api-Key", c.key)
		if w.Code != c.status || c.code != "" && !strings.Contains(w.Body.String(), `"`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
	}
	// In progress: no recording yet.
	start := kept.Conversation["started_at"].(time.Time)
	if _, ok := s.Recording("acme-team-4", kept.ID, "user", true, start.Add(time.Second)); ok {
		t.Errorf("a call in progress has a recording")
	}
	if got := s.AudioRequestsOf("acme-team-4", kept.ID, "user", true); got != 2 {
		t.Errorf("%d requests for the recording, want those of key and method", got)
	}
}

func TestAudio_Methods(t *testing.T) {
	t.Parallel()
	for name, audio := range map[string]Audio{"as documented": {}, "no head": {NoHead: true}, "no range": {NoRange: true}, "no length": {NoLength: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, voices := audioTest(t, 50, audio)
			server := httptest.NewServer(s)
			defer server.Close()
			ask := func(method, ranged string) (*http.Response, []byte) {
				r, _ := http.NewRequest(method, server.URL+recordingPath(voices[0].ID, "combined", true), nil)
				r.Header.Set("X-Api-Key", "key")
				if ranged != "" {
					r.Header.Set("Range", ranged)
				}
				response, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response, b
			}
			recording, _ := s.Recording("acme-team-4", voices[0].ID, "combined", true, later)
			size := recording.Bytes
			if audio.NoLength {
				size = -1
			}
			want, _ := io.ReadAll(recording.Open())
			got, b := ask("GET", "")
			if got.StatusCode != 200 || got.ContentLength != size || !bytes.Equal(b, want) {
				t.Errorf("GET: %d, %d bytes of %d", got.StatusCode, len(b), got.ContentLength)
			}
			status := 200
			if audio.NoHead {
				status, size = 405, got.ContentLength
			}
			if got, _ = ask("HEAD", ""); got.StatusCode != status || !audio.NoHead && got.ContentLength != size {
				t.Errorf("HEAD: %d, length %d", got.StatusCode, got.ContentLength)
			}
			got, b = ask("GET", "bytes=40-99")
			if audio.NoRange || audio.NoLength {
				if got.StatusCode != 200 || !bytes.Equal(b, want) || got.Header.Get("Accept-Ranges") != "" {
					t.Errorf("range: %d, %d bytes", got.StatusCode, len(b))
				}
			} else if got.StatusCode != 206 || !bytes.Equal(b, want[40:100]) || got.Header.Get("Content-Range") != fmt.Sprintf("bytes 40-99/%d", len(want)) {
				t.Errorf("range: %d, %d bytes, %q", got.StatusCode, len(b), got.Header.Get("Content-Range"))
			}
			if counts := s.AudioRequests(); counts != (AudioRequests{Head: 1, Ranged: 1, Whole: 1}) || s.MostAudioRequests() != 3 {
				t.Errorf("counted %+v", counts)
			}
		})
	}
}

func TestAudio_Redacted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		audio Audio
		same  bool
	}{
		"PII access": {Audio{}, false},
		"small":      {Audio{Bytes: 256, SampleRateHz: 8000}, false},
		"none":       {Audio{NoPIIAccess: true}, true},
		"same":       {Audio{Share: map[AudioFault]float64{AudioSame: 1}}, true},
	} {
		s, voices := audioTest(t, 20, c.audio)
		var sums [2]string
		for i, redacted := range []bool{true, false} {
			recording, _ := s.Recording("acme-team-4", voices[0].ID, "combined", redacted, later)
			sums[i] = recording.SHA256()
			want, _ := io.ReadAll(recording.Open())
			if w := askAudio(t, s, "GET", recordingPath(voices[0].ID, "combined", redacted)); !bytes.Equal(w.Body.Bytes(), want) || c.audio.Bytes > 0 && w.Body.Len() != 256 {
				t.Errorf("%s: %d bytes are not those of the truth", name, w.Body.Len())
			}
		}
		if (sums[0] == sums[1]) != c.same {
			t.Errorf("%s: raw and redacted are the same: %t", name, !c.same)
		}
	}
}

func TestAudio_Faults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[AudioFault]struct {
		status       int
		contentType  string
		body         string // a part of it
		short        bool   // it ends early
		availability string
	}{
		AudioLate:        {404, "application/json", "CONVERSATIONS_RECORDING_NOT_FOUND", false, "missing"},
		AudioMissing:     {404, "application/json", "CONVERSATIONS_RECORDING_NOT_FOUND", false, "missing"},
		AudioForbidden:   {403, "application/json", "FORBIDDEN", false, "forbidden"},
		AudioTruncated:   {200, "audio/wav", "RIFF", true, "failed"},
		AudioWrongLength: {200, "audio/wav", "RIFF", true, "failed"},
		AudioHTML:        {200, "text/html", "<html>", false, "failed"},
		AudioJSON:        {200, "application/json", "{", false, "failed"},
		AudioEmpty:       {200, "audio/wav", "", false, "failed"},
		AudioNotWAV:      {200, "audio/wav", "made-up", false, "failed"},
		AudioRedirect:    {302, "", "", false, "failed"},
		AudioSlow:        {200, "audio/wav", "RIFF", false, "available"},
		AudioLongHeader:  {200, "audio/wav", "RIFF", false, "available"},
		AudioSame:        {200, "audio/wav", "RIFF", false, "available"},
	} {
		for _, noLength := range []bool{false, true} {
			if noLength && fault == AudioWrongLength {
				continue
			}
			s, voices := audioTest(t, 20, Audio{
				Share:    map[AudioFault]float64{fault: 1},
				Times:    1,
				SlowFor:  time.Millisecond,
				LateBy:   100 * 24 * time.Hour,
				NoLength: noLength,
			})
			server := httptest.NewServer(s)
			client := server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			get := func() (*http.Response, string, error) {
				r, _ := http.NewRequest("GET", server.URL+recordingPath(voices[0].ID, "combined", true), nil)
				r.Header.Set("X-Api-Key", "key")
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				return response, string(b), err
			}
			response, b, err := get()
			if response.StatusCode != want.status || response.Header.Get("Content-Type") != want.contentType || !strings.Contains(b, want.body) || errors.Is(err, io.ErrUnexpectedEOF) != want.short {
				t.Errorf("%s: %d %s %.40q %v, want %+v", fault, response.StatusCode, response.Header, b, err, want)
			}
			if response, b, err = get(); err != nil || (fault != AudioLate) != (response.StatusCode == 200 && strings.HasPrefix(b, "RIFF")) {
				t.Errorf("%s, second time: %d %.40q %v", fault, response.StatusCode, b, err)
			}
			server.Close()
			s.o.Audio.Times = 0
			if r, ok := s.Recording("acme-team-4", voices[0].ID, "combined", true, later); !ok || r.Availability != want.availability || r.Fault != fault {
				t.Errorf("%s: %+v, want %s", fault, r, want.availability)
			}
		}
	}
}

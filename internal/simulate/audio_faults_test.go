package simulate

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAudio_RequestFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]struct {
		status   int
		complete bool
	}{
		Status429:   {429, true},
		Status502:   {502, true},
		CutBody:     {200, false},
		Reset:       {200, false},
		Malformed:   {200, true},
		StaleCursor: {200, true},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			s, voices := audioTest(t, 20, Audio{Bytes: 100_000}, func(o *Options) { o.Faults = Faults{At: map[int64]Fault{1: fault}} })
			server := httptest.NewServer(s)
			defer server.Close()
			r, _ := http.NewRequest("GET", server.URL+recordingPath(voices[0].ID, "agent", false), nil)
			r.Header.Set("X-Api-Key", "key")
			response, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			b, err := io.ReadAll(response.Body)
			if response.StatusCode != want.status || (err == nil) != want.complete || want.status == 200 && want.complete != (len(b) == 100_000) {
				t.Errorf("%d, %d bytes, %v", response.StatusCode, len(b), err)
			}
			if got := s.AudioRequestsOf("acme-team-4", voices[0].ID, "agent", false); got != 1 {
				t.Errorf("%d requests for the recording", got)
			}
		})
	}
}

func TestAudio_Late(t *testing.T) {
	t.Parallel()
	now := testFrom.AddDate(0, 0, 10)
	s, voices := audioTest(t, 300, Audio{Share: map[AudioFault]float64{AudioLate: 1}, LateBy: 5 * time.Hour}, func(o *Options) {
		o.Now = func() time.Time { return now }
	})
	id := voices[0].ID
	for _, voice := range voices {
		if voice.Conversation["in_progress"] == false {
			id = voice.ID
			break
		}
	}
	path := recordingPath(id, "combined", true)
	late, ok := s.Recording("acme-team-4", id, "combined", true, now)
	if w := askAudio(t, s, "GET", path); w.Code != 404 || !ok || late.Availability != "missing" || !late.From.After(now) {
		t.Fatalf("before: %d, %+v", w.Code, late)
	}
	for _, step := range []struct {
		at           time.Time
		status       int
		availability string
	}{{late.From.Add(-time.Microsecond), 404, "missing"}, {late.From, 200, "available"}} {
		now = step.at
		got, ok := s.Recording("acme-team-4", id, "combined", true, now)
		if w := askAudio(t, s, "GET", path); w.Code != step.status || !ok || got.Availability != step.availability || got.SHA256() != late.SHA256() {
			t.Errorf("at %s: %d, %+v", step.at, w.Code, got)
		}
	}
}

// The conversations with a fault are the same ones at each time, and as many as the
// share says.
func TestAudio_Share(t *testing.T) {
	t.Parallel()
	s, voices := audioTest(t, 2000, Audio{Share: map[AudioFault]float64{AudioMissing: 0.2, AudioForbidden: 0.1}, At: map[string]AudioFault{"made-up": AudioHTML}})
	n := map[string]int{}
	for _, voice := range voices {
		for _, direction := range []string{"user", "agent"} {
			r, _ := s.Recording("acme-team-4", voice.ID, direction, true, later)
			n[r.Availability]++
		}
	}
	all := float64(2 * len(voices))
	if missing, forbidden := float64(n["missing"])/all, float64(n["forbidden"])/all; missing < 0.16 || missing > 0.24 || forbidden < 0.07 || forbidden > 0.13 || n["missing"]%2 == 1 {
		t.Errorf("%v of %g", n, all)
	}
	s.o.Audio.At[voices[0].ID] = AudioHTML
	if w := askAudio(t, s, "GET", recordingPath(voices[0].ID, "user", true)); !strings.Contains(w.Body.String(), "<html>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAudio_Key(t *testing.T) {
	t.Parallel()
	s, voices := audioTest(t, 20, Audio{APIKey: "another"})
	path := recordingPath(voices[0].ID, "user", true)
	if w := askAudio(t, s, "GET", path); w.Code != 401 {
		t.Errorf("with the key of the list: %d", w.Code)
	}
	if w := askAudio(t, s, "GET", path, "X-Api-Key", "another"); w.Code != 200 {
		t.Errorf("with its own key: %d", w.Code)
	}
}

func TestAudio_Invalid(t *testing.T) {
	t.Parallel()
	for want, audio := range map[string]Audio{
		"no audio fault \"loud\"":  {Share: map[AudioFault]float64{"loud": 1}},
		"no audio fault \"quiet\"": {At: map[string]AudioFault{"x": "quiet"}},
		"negative":                 {Share: map[AudioFault]float64{AudioHTML: -1}},
		"add up to":                {Share: map[AudioFault]float64{AudioHTML: 0.6, AudioJSON: 0.6}},
		"no codec":                 {Codec: "mp3"},
		"sample rate":              {SampleRateHz: -1},
		"recordings of 255 bytes":  {Bytes: 255},
		"without Content-Length":   {NoLength: true, At: map[string]AudioFault{"x": AudioWrongLength}},
		"or a duration":            {Times: -1},
	} {
		o := testOptions(1)
		o.Audio = audio
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

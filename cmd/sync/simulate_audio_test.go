package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
)

func TestSimulateAudio(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	opts := simulateOptions{
		account:    "a",
		project:    "p",
		retryAfter: "seconds",
		paging:     "cursor",
		faults:     map[string]string{"503": "0.1"},
	}
	opts.audio = simulateAudioOptions{
		forms:  slices.Concat([]string{"extensible"}, audioForms[3:]),
		bytes:  512,
		rate:   50,
		lateBy: time.Minute,
		times:  2,
	}
	for _, name := range audioFaultNames {
		if name != "audio_wrong_length" { // it needs a length
			opts.faults[name] = "0.05"
		}
	}
	s, err := opts.simulation(now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulate.New(s); err != nil {
		t.Error(err)
	}
	a := s.Audio
	if len(a.Share) != len(audioFaultNames)-1 || a.Share[simulate.AudioHTML] != 0.05 || len(s.Faults.Share) != 1 {
		t.Errorf("faults: %v and %v", a.Share, s.Faults.Share)
	}
	if a.Codec != simulate.AudioExtensible || !a.Streamed || !a.List || !a.NoLength || !a.NoHead || !a.NoRange || !a.NoPIIAccess ||
		a.Bytes != 512 || a.SampleRateHz != 50 || a.LateBy != time.Minute || a.Times != 2 {
		t.Errorf("%+v", a)
	}
	for want, change := range map[string]func(*simulateOptions){
		`--audio "loud" is not known`: func(o *simulateOptions) { o.audio.forms = []string{"loud"} },
		"--audio has two codecs":      func(o *simulateOptions) { o.audio.forms = []string{"mulaw", "mixed"} },
		"is not a share":              func(o *simulateOptions) { o.faults = map[string]string{"audio_html": "2"} },
	} {
		changed := opts
		change(&changed)
		if _, err := changed.simulation(now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

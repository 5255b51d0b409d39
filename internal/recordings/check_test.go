package recordings

import (
	"net/http"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

func checking(kinds ...load.RecordingKind) Policy { return Policy{Mode: Check, Kinds: kinds} }
func storing(kinds ...load.RecordingKind) Policy  { return Policy{Mode: Store, Kinds: kinds} }

func TestRun_Check(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40, simulate.Audio{Codec: simulate.AudioMixed, Bytes: 100_000}, checking(combined))
	w.options.OpenStore = nil
	r := w.run()
	n := int64(len(w.voice))
	if total := r.Total(); total.Checked != n || total.Available != n || total.Stored != 0 {
		t.Errorf("counts %+v of %d recordings", total, n)
	}
	for _, id := range w.voice {
		truth, _ := w.sim.Recording(projectID, id, "combined", true, w.now())
		a := w.row(id, combined)
		if a.Availability != warehouse.AudioAvailable || a.SizeBytes.V != truth.Bytes || a.DurationSeconds.V != truth.Seconds ||
			string(a.Codec) != truth.Codec || a.SampleRateHz.V != int64(truth.SampleRateHz) || a.Channels.V != 1 ||
			a.RedactionEvidence != warehouse.EvidenceRequested || a.Checks != 0 || a.NextCheckAt.Valid || a.StoredAt.Valid {
			t.Errorf("row %+v, the source has %+v", a, truth)
		}
	}
	before := w.sim.AudioRequests().Total()
	w.advance(100 * time.Hour)
	if r = w.run(); r.Total() != (Counts{}) || w.sim.AudioRequests().Total() != before {
		t.Errorf("with nothing due: %+v and %d requests", r.Total(), w.sim.AudioRequests().Total()-before)
	}
}

// TestRun_Method counts the requests by method, first for unknown recordings and then
// for known ones.
func TestRun_Method(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		noRange, noHead bool
		first, again    func(n int64) simulate.AudioRequests
	}{
		"Range":   {false, false, ranged, ranged},
		"NoHead":  {false, true, ranged, ranged},
		"NoRange": {true, false, firstRanged, heads},
		"Neither": {true, true, firstRanged, firstHead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 10, simulate.Audio{Bytes: 100_000, NoRange: c.noRange, NoHead: c.noHead}, checking(combined))
			w.options.Workers = 1
			w.memory.Edit(noProbe)
			n := int64(len(w.voice))
			w.run()
			first := w.sim.AudioRequests()
			if want := c.first(n); first != want {
				t.Errorf("unknown ones: %+v, not %+v", first, want)
			}
			w.options.Recheck = []string{warehouse.AudioAvailable}
			w.run()
			again := w.sim.AudioRequests()
			got := simulate.AudioRequests{Head: again.Head - first.Head, Ranged: again.Ranged - first.Ranged, Whole: again.Whole - first.Whole}
			if want := c.again(n); got != want {
				t.Errorf("known ones: %+v, not %+v", got, want)
			}
			if a := w.row(w.voice[0], combined); a.SizeBytes.V != 100_000 || a.Codec == "" {
				t.Errorf("row %+v", a)
			}
		})
	}
}

func ranged(n int64) simulate.AudioRequests { return simulate.AudioRequests{Ranged: n} }
func heads(n int64) simulate.AudioRequests  { return simulate.AudioRequests{Head: n} }

// firstRanged counts the requests to a host without ranges: the first one learns that.
func firstRanged(n int64) simulate.AudioRequests {
	return simulate.AudioRequests{Ranged: 1, Whole: n - 1}
}
func firstHead(n int64) simulate.AudioRequests { return simulate.AudioRequests{Head: 1, Whole: n} }

// TestRun_Faults checks each fault of a recording: nothing is stored, the row has the
// reason, and after 8 checks it is final.
func TestRun_Faults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[simulate.AudioFault]struct {
		availability, reason string
		checks               int64
	}{
		simulate.AudioHTML:        {warehouse.AudioFailed, "html", 8},
		simulate.AudioJSON:        {warehouse.AudioFailed, "json", 8},
		simulate.AudioEmpty:       {warehouse.AudioFailed, "empty", 8},
		simulate.AudioNotWAV:      {warehouse.AudioFailed, "not_wav", 8},
		simulate.AudioTruncated:   {warehouse.AudioFailed, "short_body", 8},
		simulate.AudioWrongLength: {warehouse.AudioFailed, "short_body", 8},
		simulate.AudioRedirect:    {warehouse.AudioFailed, "redirect", 8},
		simulate.AudioForbidden:   {warehouse.AudioForbidden, "status_403", 4},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 10, simulate.Audio{Share: map[simulate.AudioFault]float64{fault: 0.3}}, storing(combined))
			bad := ""
			for _, id := range w.voice {
				if r, _ := w.sim.Recording(projectID, id, "combined", true, w.now()); r.Fault == fault {
					bad = id
				}
			}
			if bad == "" {
				t.Fatal("no recording has the fault")
			}
			for range 14 {
				w.run()
				w.advance(25 * time.Hour)
			}
			a := w.row(bad, combined)
			if a.Availability != want.availability || string(a.Reason) != want.reason || a.Checks != want.checks ||
				a.NextCheckAt.Valid || a.StoredAt.Valid || a.StoredURI != "" {
				t.Errorf("row %+v", a)
			}
			for _, id := range w.voice {
				if r, _ := w.sim.Recording(projectID, id, "combined", true, w.now()); r.Fault == "" {
					w.checkStored(id, combined)
				}
			}
		})
	}
}

// TestRun_LongHeader has a recording whose header declares more samples than it has.
// It is stored as it is after three more attempts.
func TestRun_LongHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, simulate.Audio{Share: map[simulate.AudioFault]float64{simulate.AudioLongHeader: 1}}, storing(combined))
	for i := range 4 {
		w.run()
		a := w.row(w.voice[0], combined)
		if a.Reason != "header_longer_than_body" || a.StoredAt.Valid != (i == 3) {
			t.Fatalf("run %d: row %+v", i, a)
		}
		w.advance(25 * time.Hour)
	}
	w.checkStored(w.voice[0], combined)
}

// TestRun_Late has recordings that appear 5 h after the end of the conversation, and
// some that never do.
func TestRun_Late(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault simulate.AudioFault
		want  string
	}{"Late": {simulate.AudioLate, warehouse.AudioAvailable}, "Never": {simulate.AudioMissing, warehouse.AudioMissing}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 12, simulate.Audio{Share: map[simulate.AudioFault]float64{c.fault: 1}, LateBy: 5 * time.Hour}, checking(combined))
			w.memory.Edit(noProbe)
			for range 6 * 100 { // 100 hours
				w.run()
				w.advance(10 * time.Minute)
			}
			if a := w.row(w.voice[0], combined); a.Availability != c.want || a.NextCheckAt.Valid {
				t.Errorf("row %+v", a)
			}
			if most := w.sim.MostAudioRequests(); most > 12 {
				t.Errorf("%d requests for a recording", most)
			}
			before := w.sim.AudioRequests()
			w.advance(1000 * time.Hour)
			w.run()
			if after := w.sim.AudioRequests(); after != before {
				t.Errorf("%+v requests, then %+v", before, after)
			}
		})
	}
}

// TestRun_Recheck asks again for what is final.
func TestRun_Recheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{Share: map[simulate.AudioFault]float64{simulate.AudioMissing: 1}}, checking(combined))
	w.advance(100 * time.Hour)
	w.run()
	w.options.Recheck = []string{warehouse.AudioMissing}
	if r := w.run(); r.Total().Missing != int64(len(w.voice)) {
		t.Errorf("counts %+v", r.Total())
	}
}

// TestRun_Stall has a source that sends the beginning of each recording, and no more.
func TestRun_Stall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, simulate.Audio{}, storing(combined))
	w.voice = w.voice[:1]
	w.handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", "2000")
		_, _ = rw.Write([]byte("RIFF"))
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	}), polyai.Timeouts{Idle: 20 * time.Millisecond})
	w.run()
	if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioFailed || a.Reason != "stalled" || a.Checks != 1 || len(w.files()) != 0 {
		t.Errorf("row %+v, files %v", a, w.files())
	}
}

// TestRun_ClockAhead runs on a machine whose clock is days ahead, while no recording
// exists yet: they are still young, by the clock of the source.
func TestRun_ClockAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{Share: map[simulate.AudioFault]float64{simulate.AudioMissing: 1}}, checking(combined))
	w.options.Clock = func() time.Time { return w.now().Add(100 * time.Hour) }
	w.run()
	for _, id := range w.voice {
		if a := w.row(id, combined); a.CheckedAt.V.Time() != begin || !a.NextCheckAt.Valid || a.NextCheckAt.V.Time().After(begin.Add(youngFor)) {
			t.Errorf("row %+v", a)
		}
	}
}

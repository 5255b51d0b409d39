package recordings

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// answers returns a handler that answers each request with a status and a body.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestRun_Refused has a source that refuses everything: the project stops, and no
// recording is marked.
func TestRun_Refused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		most   int64 // requests
	}{
		"Unauthorized": {401, 2},
		"Forbidden":    {403, maxRefused + 1},
		"NoProject":    {404, maxRefused + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 30, simulate.Audio{}, storing(combined))
			w.handler(answers(c.status, `{"error_code":"MADE_UP"}`), polyai.Timeouts{})
			r, err := Run(t.Context(), w.options)
			if err != nil || statusOf(r.Projects[0].Err) != c.status || !r.Incomplete() || r.Projects[0].Error == "" {
				t.Errorf("%v, report %+v", err, r)
			}
			if n := r.Total().Requests; n > c.most {
				t.Errorf("%d requests", n)
			}
			for _, id := range w.voice {
				if a := w.row(id, combined); a.Availability != warehouse.AudioUnknown || a.CheckedAt.Valid {
					t.Errorf("row %+v", a)
				}
			}
		})
	}
}

// TestRun_Pause has a source that asks for a long pause: the project stops.
func TestRun_Pause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	w.handler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "3600")
		rw.WriteHeader(http.StatusTooManyRequests)
	}), polyai.Timeouts{})
	r, err := Run(t.Context(), w.options)
	var pause *ratelimit.PauseError
	if err != nil || !errors.As(r.Projects[0].Err, &pause) || r.Total().Requests > 2 {
		t.Errorf("%v, report %+v", err, r)
	}
	if a := w.row(w.voice[0], combined); a.CheckedAt.Valid {
		t.Errorf("row %+v", a)
	}
}

// TestRun_FewRefused has fewer refusals than those that stop a project. They are
// marked, so that they are not requested with each run.
func TestRun_FewRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, simulate.Audio{}, checking(combined))
	w.handler(answers(403, ""), polyai.Timeouts{})
	w.run()
	if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioForbidden || !a.NextCheckAt.Valid {
		t.Errorf("row %+v", a)
	}
}

// TestRun_Outage has a source that fails for every request: after 10 recordings the
// project stops.
func TestRun_Outage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60, simulate.Audio{}, storing(combined))
	w.handler(answers(502, "<html>"), polyai.Timeouts{})
	w.options.Workers = 1
	r, err := Run(t.Context(), w.options)
	if err != nil || statusOf(r.Projects[0].Err) != 502 || r.Total().Failed != maxOutages || r.Total().Requests != maxOutages*maxAttempts {
		t.Errorf("%v, report %+v", err, r)
	}
	if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioFailed || a.Reason != "status_502" || a.Checks != 1 || !a.NextCheckAt.Valid {
		t.Errorf("row %+v", a)
	}
}

func TestRun_Unreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	server := httptest.NewServer(nil)
	w.options.Projects[0].Source = w.client(server.URL, polyai.Timeouts{})
	server.Close()
	r, err := Run(t.Context(), w.options)
	if err != nil || !polyai.IsUnreachable(r.Projects[0].Err) {
		t.Errorf("%v, report %+v", err, r)
	}
	if a := w.row(w.voice[0], combined); a.CheckedAt.Valid {
		t.Errorf("row %+v", a)
	}
}

// TestRun_Claimed has another process that works on the recordings, and another one
// that uses the same store.
func TestRun_Claimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	claim, err := w.memory.ClaimRecordings(t.Context(), load.Owner{RunID: "other-run", Actor: "made-up"}, projectID)
	if err != nil {
		t.Fatal(err)
	}
	r := w.run()
	if p := r.Projects[0]; !strings.Contains(p.Skipped, "other-run") || p.Requests != 0 {
		t.Errorf("report %+v", p)
	}
	if err := claim.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := w.options.OpenStore()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.Claim(projectID)
	if err != nil {
		t.Fatal(err)
	}
	if p := w.run().Projects[0]; p.Skipped == "" || p.Requests != 0 {
		t.Errorf("report %+v", p)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if r := w.run(); r.Total().Stored != int64(len(w.voice)) {
		t.Errorf("report %+v", r)
	}
}

// TestRun_Pages has more due recordings than fit into a page, in two projects that
// take turns, and one that fails.
func TestRun_Pages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 90, simulate.Audio{}, checking(combined))
	w.memory.Edit(noProbe)
	p := w.options.Projects[0]
	p.Lane = ratelimit.NewBudget(ratelimit.BudgetOptions{}).NewLane(1)
	w.options.Projects[0] = p
	broken := p
	broken.ID, broken.StoredID, broken.Source = "made-up-other", "made-up-other", nil
	w.options.Projects = append(w.options.Projects, broken)
	for range 30 { // lanes make pages small
		other := broken
		other.Lane = nil
		other.StoredID += "-lane"
		w.options.Projects = append(w.options.Projects, other)
	}
	if r := w.run(); r.Total().Available != int64(len(w.voice)) || len(w.voice) < 2*minPageSize {
		t.Errorf("counts %+v of %d recordings", r.Total(), len(w.voice))
	}
}

// TestRun_TooYoung has a conversation that ended less than two minutes ago.
func TestRun_TooYoung(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, checking(combined))
	w.memory.Edit(func(d *memory.Data) {
		for _, rows := range d.Conversations {
			rows.Conversation.FinishedAt = warehouse.Some(warehouse.TimestampOf(begin.Add(-time.Minute)))
		}
	})
	if r := w.run(); r.Total().Requests != 0 {
		t.Errorf("counts %+v", r.Total())
	}
	w.advance(2 * time.Minute)
	if r := w.run(); r.Total().Available != int64(len(w.voice)) {
		t.Errorf("counts %+v", r.Total())
	}
}

// TestRun_Lane has a rate limit: the work takes as long as its share allows, which is
// 20 requests within 0.75 s.
func TestRun_Lane(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60, simulate.Audio{}, checking(combined))
	w.memory.Edit(noProbe)
	w.options.Projects[0].Lane = ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: 100}).NewLane(0.2)
	began := time.Now()
	if r := w.run(); r.Total().Requests <= 20 || time.Since(began) < 700*time.Millisecond {
		t.Errorf("%d requests took %v", r.Total().Requests, time.Since(began))
	}
}

// TestWorker_Restart has a backlog that takes longer than five minutes. What is newer
// is done before the rest.
func TestWorker_Restart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40, simulate.Audio{}, checking(combined))
	w.memory.Edit(noProbe)
	w.options.setDefaults()
	p := &w.options.Projects[0]
	p.setDefaults()
	worker := &worker{requester: newRequester(p, &w.options, newPermits(&w.options)), stores: &stores{}}
	newest := memory.ID{projectID, w.voice[0]}
	var held *warehouse.Rows
	w.memory.Edit(func(d *memory.Data) {
		held = d.Conversations[newest]
		delete(d.Conversations, newest)
	})
	isDone := func() bool {
		return len(held.Audio) > 0 && w.sim.AudioRequestsOf(projectID, newest[1], "combined", true) > 0
	}
	if !worker.turn(t.Context(), 5) {
		t.Fatal("the first page is the last one")
	}
	w.memory.Edit(func(d *memory.Data) { d.Put(held) })
	if !worker.turn(t.Context(), 5) || isDone() {
		t.Fatal("the second page does not continue after the first one")
	}
	w.advance(restartAfter)
	if !worker.turn(t.Context(), 5) || !isDone() {
		t.Fatal("the third page does not start with the newest")
	}
	for worker.turn(t.Context(), 5) {
	}
	if worker.err != nil || worker.counters.available.Load() != int64(len(w.voice)) || w.sim.MostAudioRequests() != 1 {
		t.Errorf("%v, %d of %d available", worker.err, worker.counters.available.Load(), len(w.voice))
	}
}

// TestRun_Enlist adds rows for stored conversations once, and fills their URLs.
func TestRun_Enlist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10, simulate.Audio{}, Policy{Mode: Reference, Kinds: []load.RecordingKind{combined}})
	if r := w.run(); r.Total() != (Counts{}) || w.state().Enlisted != "" {
		t.Errorf("default policy: counts %+v, state %+v", r.Total(), w.state())
	}
	p := &w.options.Projects[0]
	p.Policy.Kinds = []load.RecordingKind{{Direction: "user"}, combined}
	url := p.BaseURL
	p.BaseURL = ""
	n := int64(len(w.voice))
	if r := w.run(); r.Total().Enlisted != n {
		t.Errorf("counts %+v", r.Total())
	}
	user := load.RecordingKind{Direction: "user"}
	if a := w.row(w.voice[0], user); a.URL != "" || a.Reason != "no_host" || a.Availability != warehouse.AudioUnknown {
		t.Errorf("row %+v", a)
	}
	p.BaseURL = url
	if r := w.run(); r.Total().Enlisted != n {
		t.Errorf("counts %+v", r.Total())
	}
	if a := w.row(w.voice[0], user); !strings.HasPrefix(string(a.URL), url) {
		t.Errorf("row %+v", a)
	}
	if r := w.run(); r.Total().Enlisted != 0 || w.state().Enlisted != warehouse.Text("combined/redacted,user/raw@"+url) {
		t.Errorf("again: counts %+v, state %+v", r.Total(), w.state())
	}
	p.Policy.Mode = Off
	if r := w.run(); len(r.Projects) != 0 {
		t.Errorf("mode off: report %+v", r)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var p Progress
	p.due.Store(100)
	if s := p.SoFar(begin); s.Running || s.Left != -1 || s.Due != 100 {
		t.Errorf("before: %+v", s)
	}
	p.begin(begin)
	for second := range 90 {
		p.done.Store(int64(second / 2))
		p.bytes.Store(int64(second * 1000))
		p.SoFar(begin.Add(time.Duration(second) * time.Second))
	}
	s := p.SoFar(begin.Add(89 * time.Second))
	if s.Done != 44 || s.Bytes != 89_000 || s.BytesPerSecond != 1000 || s.PerSecond < 0.49 || s.PerSecond > 0.51 || s.Left.Round(time.Minute) != 2*time.Minute {
		t.Errorf("after 90 s: %+v", s)
	}
	p.done.Store(101)
	if s := p.SoFar(begin.Add(90 * time.Second)); s.Due != 101 || s.Left != 0 {
		t.Errorf("more than was due: %+v", s)
	}
}

func TestDownloader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, simulate.Audio{}, storing(combined))
	s, err := w.options.OpenStore()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.Claim(projectID)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDownloader(&w.options.Projects[0], &w.options)
	a := w.row(w.voice[0], combined)
	truth, _ := w.sim.Recording(projectID, w.voice[0], "combined", true, w.now())
	for range 2 {
		if stored, err := d.Download(t.Context(), &a, folder); err != nil || stored.SHA256 != truth.SHA256() {
			t.Errorf("%+v, %v", stored, err)
		}
	}
	if n := w.sim.AudioRequests().Total(); n != 1 {
		t.Errorf("%d requests", n)
	}
	if differs, err := d.Differs(t.Context(), &a); err != nil || !differs {
		t.Errorf("%v, %v", differs, err)
	}
	w.handler(answers(200, "<html>"), polyai.Timeouts{})
	d = NewDownloader(&w.options.Projects[0], &w.options)
	a = w.row(w.voice[1], combined)
	if _, err := d.Download(t.Context(), &a, folder); Reason(err) != "html" {
		t.Errorf("%v", err)
	}
	if _, err := d.Differs(t.Context(), &a); Reason(err) != "html" {
		t.Errorf("%v", err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
}

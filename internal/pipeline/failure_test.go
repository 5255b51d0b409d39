package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

func TestFeedError(t *testing.T) {
	t.Parallel()
	sales := load.Feed{ProjectID: "sales", Environment: "live"}
	request := "GET https://api.example.com/v3/acme/sales/conversations"
	for name, c := range map[string]struct {
		err               error
		code, brief, hint string
	}{
		"key":         {&polyai.APIError{Request: request, Status: 401, Hint: "check the key"}, CodeKeyRefused, "the source refused the key (401)", "check the key"},
		"not found":   {&polyai.APIError{Request: request, Status: 404}, CodeNotFound, "unknown to the source (404)", hints[CodeNotFound]},
		"rate":        {&polyai.APIError{Request: request, Status: 429}, CodeRateLimited, "the source limits requests (429)", hints[CodeRateLimited]},
		"server":      {&polyai.APIError{Request: request, Status: 503}, CodeSourceError, "the source answered 503 Service Unavailable", hints[CodeSourceError]},
		"refused":     {&polyai.TransportError{Request: request, Err: syscall.ECONNREFUSED}, CodeSourceUnreachable, "the source refused the connection", hints[CodeSourceUnreachable]},
		"cut":         {&polyai.TransportError{Request: request, Err: errors.New("unexpected EOF")}, CodeSourceUnreachable, "the source gave no complete answer", hints[CodeSourceUnreachable]},
		"key file":    {&refusedError{errors.New("open /run/secrets/key: no such file")}, CodeKeyUnavailable, "its key cannot be read", hints[CodeKeyUnavailable]},
		"in parts":    {fmt.Errorf("some time ranges could not be read: %w", errors.Join(&polyai.APIError{Request: request, Status: 503})), CodeSourceError, "the source answered 503 Service Unavailable", hints[CodeSourceError]},
		"days":        {errors.Join(nil, &doubtError{"the source no longer lists 9 of 10"}), CodeMissingInSource, "many conversations are missing at the source", hints[CodeMissingInSource]},
		"destination": {&destinationError{errors.New("no space left")}, CodeDestination, "no space left", hints[CodeDestination]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := (&FeedError{sales, c.err}).Error()
			if first := strings.Join(strings.Fields(text)[:min(10, len(strings.Fields(text)))], " "); !strings.Contains(first, "sales (live)") || !strings.Contains(first, c.brief) {
				t.Errorf("the first ten words are %q", first)
			}
			why, found := FeedFailure("project other (live): x\n"+text, sales)
			if got := Brief(why); !found || got != c.brief {
				t.Errorf("the stored error is found: %t, in brief %q, want %q", found, got, c.brief)
			}
			if got := FailureOf(c.err); got.Code != c.code || got.Hint != c.hint || strings.Contains(got.Message, "\n") {
				t.Errorf("got %+v, want code %q and hint %q", got, c.code, c.hint)
			}
			if doubt := c.code == CodeMissingInSource; NeedsConfirmation(why) != doubt {
				t.Errorf("it needs confirmation: %t", !doubt)
			}
		})
	}
}

// One project's source is down, and the other's is not.
func TestReport(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	o := options(t, simulated(t, now, simulate.Deviations{}), newFake(), now)
	down := options(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message": "made up"}`, http.StatusNotFound)
	}), newFake(), now).Feeds[0]
	down.ProjectID = "down"
	o.Feeds = append(o.Feeds, down)
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]Project{}
	for _, p := range report.Projects {
		byID[p.ProjectID] = p
	}
	good, bad := byID["acme-team-4"], byID["down"]
	if report.Status != warehouse.RunPartial || report.Error != nil {
		t.Errorf("the run is %s, with %+v", report.Status, report.Error)
	}
	if good.Status != warehouse.RunSucceeded || good.Error != nil || good.Conversations != report.Conversations || good.Conversations.Read < conversations || good.Watermark == nil {
		t.Errorf("the good one is %+v", good)
	}
	if bad.Status != warehouse.RunFailed || bad.Error == nil || bad.Error.Code != CodeNotFound || bad.Conversations.Read != 0 {
		t.Errorf("the bad one is %+v, %+v", bad, bad.Error)
	}
	text, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(text), `"gaps":[]`) {
		t.Errorf("%v: %s", err, text)
	}
}

// The source reports its time, and returns nothing else.
func TestReport_NothingRead(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	source := simulated(t, now, simulate.Deviations{})
	down := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") == "1" {
			source.ServeHTTP(w, r)
			return
		}
		http.Error(w, `{"message": "made up"}`, http.StatusBadRequest)
	})
	for name, c := range map[string]struct {
		others int
		want   string
	}{"All": {0, warehouse.RunFailed}, "OneOfTwo": {1, warehouse.RunPartial}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, down, newFake(), now)
			for range c.others {
				good := options(t, source, newFake(), now).Feeds[0]
				good.ProjectID = "good"
				o.Feeds = append(o.Feeds, good)
			}
			report, err := Run(t.Context(), o)
			if err != nil || report.Status != c.want {
				t.Errorf("the run is %s, want %s: %v", report.Status, c.want, err)
			}
			if p := report.Projects[0]; p.Status != warehouse.RunFailed || p.Error == nil || p.Error.Code != CodeSourceError {
				t.Errorf("the project is %+v, %+v", p, p.Error)
			}
		})
	}
}

// The report of a run that cannot begin lists its projects and the reason.
func TestReport_CannotBegin(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), &lockedDestination{d}, now)
	report, err := Run(t.Context(), o)
	if err == nil || report.Status != warehouse.RunFailed || report.Error == nil || report.Error.Code != CodeLocked {
		t.Fatalf("%v, %+v", err, report)
	}
	if len(report.Projects) != 1 || report.Projects[0].Status != NotRun || report.Projects[0].Error != nil {
		t.Errorf("the projects are %+v", report.Projects)
	}
}

type lockedDestination struct{ load.Destination }

func (d *lockedDestination) Begin(context.Context, load.Owner, ...string) (load.Writer, error) {
	return nil, &load.LockedError{Where: "the lake"}
}

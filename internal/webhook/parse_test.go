package webhook

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestAProjectIsFoundUnderEachOfItsNames(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for body, want := range map[string]string{
		`{"type":"call.completed","project_id":"acme-team-4"}`:                                          "acme-team-4",
		`{"type":"call.completed","data":{"projectId":"acme-team-4"}}`:                                  "acme-team-4",
		`{"type":"call.completed","data":{"agent":{"id":"acme-team-4"}}}`:                               "acme-team-4",
		`{"type":"call.completed","data":{"project":"acme-team-4"}}`:                                    "acme-team-4",
		`{"type":"call.completed","agent_id":"acme-team-4","data":{"agent_id":"other"}}`:                "acme-team-4",
		`{"type":"call.completed","account_id":"acme-us","project_id":"shared"}`:                        "shared-us",
		`{"type":"call.completed","account_id":"acme-uk","project_id":"shared"}`:                        "shared-uk",
		`{"type":"call.completed","project_id":"shared-us"}`:                                            "shared-us",
		`{"type":"call.completed","project_id":"acme-team-5"}`:                                          "",
		`{"type":"call.completed","data":{"a":{"b":{"c":{"d":{"project_id":"acme-team-4"}}}}}}`:         "",
		`{"type":"call.completed"}`:                                                                     "",
		`{"type":"call.completed","project_id":null,"data":{"project_id":"","agent_id":"acme-team-4"}}`: "acme-team-4",
	} {
		p, err := parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.storedID(p); got != want {
			t.Errorf("%s is of %q, want %q", body, got, want)
		}
	}
	one := newWorld(func(o *Options) { o.Projects = o.Projects[:1] })
	for body, want := range map[string]string{`{"type":"call.completed"}`: "acme-team-4", `{"type":"alerts.triggered"}`: ""} {
		p, err := parse([]byte(body))
		if err != nil || one.storedID(p) != want {
			t.Errorf("of one project, %s is of %q, %v", body, one.storedID(p), err)
		}
	}
}

func TestATypeTellsWhatAnEventIsAbout(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]string{
		"call.completed": warehouse.EventWaiting, "calls.completed": warehouse.EventWaiting, "CALL_ENDED": warehouse.EventWaiting,
		"conversation.updated": warehouse.EventWaiting, "handoff": warehouse.EventWaiting, "outbound-call.failed": warehouse.EventWaiting,
		"alerts.triggered": warehouse.EventHandled, "alert.resolved": warehouse.EventHandled, "alerts.call_volume": warehouse.EventHandled,
		"deployment.created": warehouse.EventIgnored, "callback.wanted": warehouse.EventIgnored, "": warehouse.EventIgnored,
	} {
		w := newWorld()
		body, err := json.Marshal(map[string]string{"type": typ, "project_id": "acme-team-4", "rule_id": "ar_1"})
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := w.send(signedAt(now, "e", string(body))); status != 200 || w.inbox.events()[0].State != want {
			t.Errorf("%q: %d %s, %+v", typ, status, answer, w.inbox.events())
		}
	}
}

func TestTimesOfEveryFormAreRead(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 6, 15, 11, 0, 0, 500_000_000, time.UTC)
	for text, ok := range map[string]bool{
		`"2026-06-15T11:00:00.5Z"`: true, `"2026-06-15T12:00:00.5+01:00"`: true, `"2026-06-15T11:00:00.500000"`: true, `"2026-06-15 11:00:00.5"`: true,
		`1781521200.5`: true, `1781521200500`: true, `"1781521200500"`: true,
		`"11:00"`: false, `0`: false, `-5`: false, `1e300`: false, `"NaN"`: false, `"0001-01-01T00:00:00Z"`: false, `true`: false, `[]`: false,
	} {
		p, err := parse([]byte(`{"started_at":` + text + `}`))
		if err != nil || p.startedAt.Valid != ok || ok && p.startedAt.V != warehouse.TimestampOf(want) {
			t.Errorf("%s is %v, %v", text, p.startedAt, err)
		}
	}
}

// alertOf returns the update of an alert in an event.
func alertOf(t *testing.T, body string) *warehouse.ActiveAlert {
	t.Helper()
	w := newWorld()
	if status, answer := w.send(signedAt(now, "e-1", body)); status != 200 {
		t.Fatal(status, answer)
	}
	if len(w.inbox.Snapshot().Alerts) == 0 {
		return nil
	}
	a := w.inbox.Snapshot().Alerts[0]
	if e := w.inbox.events()[0]; string(e.AlertID) != a.AlertID || e.State != warehouse.EventHandled {
		t.Errorf("the event is %+v", e)
	}
	if a.Status != load.AlertStatus(a.TriggeredAt, a.ResolvedAt) {
		t.Errorf("its status does not fit: %+v", a)
	}
	return &a
}

func TestParse_Alert(t *testing.T) {
	t.Parallel()
	at := func(hour, minute int) warehouse.Null[warehouse.Timestamp] {
		return warehouse.Some(warehouse.TimestampOf(time.Date(2026, 6, 15, hour, minute, 0, 0, time.UTC)))
	}
	a := alertOf(t, `{"type":"alerts.triggered","data":{"alert_rule_id":"ar_1","name":"Slow","project_id":"acme-team-4","metric":"turn_latency_p95",
		"operator":">=","threshold_value":1500,"window_duration":"5m","since":"2026-06-15T11:00:00Z","current_value":1800,"severity":"high"}}`)
	want := warehouse.ActiveAlert{
		AlertID:        "ar_1",
		RuleID:         "ar_1",
		Name:           "Slow",
		ProjectID:      "acme-team-4",
		Severity:       "high",
		Metric:         "turn_latency_p95",
		Operator:       ">=",
		ThresholdValue: warehouse.Some(1500.0),
		WindowDuration: "5m",
		CurrentValue:   warehouse.Some(1800.0),
		Status:         warehouse.AlertTriggered,
		TriggeredAt:    at(11, 0),
		UpdatedAt:      at(11, 0).V,
		EventID:        "e-1",
	}
	if *a != want {
		t.Errorf("%+v\nwant %+v", *a, want)
	}
	for body, want := range map[string][2]warehouse.Null[warehouse.Timestamp]{
		`{"type":"alerts.triggered","rule_id":"r"}`:                                                                            {at(12, 0), {}},
		`{"type":"alerts.triggered","rule_id":"r","created_at":"2026-06-15T11:30:00Z"}`:                                        {at(11, 30), {}},
		`{"type":"alerts.triggered","rule_id":"r","triggered_at":"2026-06-15T11:00:00Z","resolved_at":"2026-06-15T11:10:00Z"}`: {at(11, 0), {}},
		`{"type":"alerts.resolved","rule_id":"r","created_at":"2026-06-15T11:30:00Z"}`:                                         {{}, at(11, 30)},
		`{"type":"alerts.resolved","rule_id":"r","since":"2026-06-15T11:20:00Z"}`:                                              {{}, at(11, 20)},
		`{"type":"alerts.resolved","rule_id":"r","triggered_at":"2026-06-15T11:00:00Z","resolved_at":"2026-06-15T11:10:00Z"}`:  {at(11, 0), at(11, 10)},
		`{"type":"alerts.resolved","rule_id":"r","triggered_at":"2026-06-15T11:00:00Z","resolved_at":"2026-06-15T10:00:00Z"}`:  {at(11, 0), at(11, 0)},
		`{"type":"alerts.changed","rule_id":"r","state":"ok"}`:                                                                 {{}, at(12, 0)},
		`{"type":"alerts.triggered","rule_id":"r","state":"ok"}`:                                                               {at(12, 0), {}},
	} {
		if a := alertOf(t, body); a.TriggeredAt != want[0] || a.ResolvedAt != want[1] {
			t.Errorf("%s: triggered %v, resolved %v; want %v", body, a.TriggeredAt, a.ResolvedAt, want)
		}
	}
	for body, want := range map[string]string{
		`{"type":"alerts.triggered","alert":{"id":"al_1"},"rule_id":"r"}`: "al_1", `{"type":"alerts.triggered","data":{"id":"al_1"}}`: "al_1",
		`{"type":"alerts.triggered","name":"Slow"}`: "Slow", `{"type":"alerts.triggered","id":"of the event"}`: "",
	} {
		a := alertOf(t, body)
		if got := a != nil; got != (want != "") || got && a.AlertID != want {
			t.Errorf("%s is of %+v, want %q", body, a, want)
		}
	}
	if a := alertOf(t, `{"type":"alerts.triggered","rule_id":"r","project_id":"unknown"}`); a.ProjectID != "unknown" {
		t.Errorf("its project is %q", a.ProjectID)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(callBody))
	f.Add([]byte(`{"type":"alerts.resolved","data":{"alert":{"id":1e400},"since":"x","project":{"id":[]}},"a":{"b":{"c":{"d":{}}}}}`))
	f.Add([]byte(`{"type":"\u0000\ud800","id":null,"started_at":99999999999999999999,"":{"":""}}`))
	f.Add([]byte(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat(`}`, 1000)))
	w := newWorld()
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parse(body)
		if err != nil {
			return
		}
		e, a := w.describe(p, "e-1", now)
		for i := range warehouse.WebhookEvents.Columns {
			checkText(t, warehouse.WebhookEvents.Columns[i].Ref(e))
		}
		if again, _ := warehouse.Canonical(string(e.Payload)); again != e.Payload || !json.Valid([]byte(e.Payload)) {
			t.Errorf("the payload is stored as %q", e.Payload)
		}
		if a == nil {
			return
		}
		for i := range warehouse.ActiveAlerts.Columns {
			checkText(t, warehouse.ActiveAlerts.Columns[i].Ref(a))
		}
		if merged := load.MergeAlert(*a, *a); merged != *a {
			t.Errorf("%+v twice is %+v", *a, merged)
		}
	})
}

// checkText holds that both destinations can store a field.
func checkText(t *testing.T, field any) {
	var text string
	switch f := field.(type) {
	case *string:
		text = *f
	case *warehouse.Text:
		text = string(*f)
	}
	if strings.ContainsRune(text, 0) || text != strings.ToValidUTF8(text, "") {
		t.Errorf("stored would be %q", text)
	}
}

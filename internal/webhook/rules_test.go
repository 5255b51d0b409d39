package webhook

import (
	"strings"
	"testing"

	"convsync/internal/warehouse"
)

// maskNote masks a note in the events of one project.
func maskNote(o *Options) {
	o.Rules = func(projectID string, body warehouse.JSON) warehouse.JSON {
		if projectID != "acme-team-4" {
			return body
		}
		masked, _ := warehouse.Canonical(strings.NewReplacer("private", "***", "public", "***").Replace(string(body)))
		return masked
	}
}

func TestReceiver_Rules(t *testing.T) {
	t.Parallel()
	w := newWorld(maskNote)
	// The last two differ only in what is masked, and were sent in the same second.
	for id, body := range map[string]string{
		"e-1": `{"type":"call.completed","project_id":"shared-uk","note":"private"}`,
		"e-2": `{"type":"call.completed","project_id":"acme-team-4","note":"private"}`,
		"e-3": `{"type":"call.completed","project_id":"acme-team-4","note":"public"}`,
	} {
		if status, answer := w.send(signedAt(now, id, body)); status != 200 {
			t.Fatalf("%s: answered %d %s", id, status, answer)
		}
	}
	for _, e := range w.inbox.events() {
		want := `{"note":"***","project_id":"acme-team-4","type":"call.completed"}`
		if e.EventID == "e-1" {
			want = `{"note":"private","project_id":"shared-uk","type":"call.completed"}`
		}
		if string(e.Payload) != want {
			t.Errorf("%s: stored %s, want %s", e.EventID, e.Payload, want)
		}
	}
	if len(w.inbox.events()) != 3 {
		t.Errorf("%d events are stored", len(w.inbox.events()))
	}
}

// A replay is detected in the form in which the first event was stored.
func TestReceiver_Rules_Replay(t *testing.T) {
	t.Parallel()
	const body = `{"type":"call.completed","project_id":"acme-team-4","note":"private"}`
	first := newWorld(maskNote)
	if status, answer := first.send(signedAt(now, "e-1", body)); status != 200 {
		t.Fatal(status, answer)
	}
	restarted := newWorld(maskNote, func(o *Options) { o.Inbox = first.inbox })
	if status, answer := restarted.send(signedAt(now, "e-2", body)); status != 409 {
		t.Errorf("a replay was answered %d %s", status, answer)
	}
}

package webhook

import (
	"testing"

	"convsync/internal/load/memory"
)

// A recorded delivery under another id is refused after a restart, too.
func TestReplayAfterRestart(t *testing.T) {
	t.Parallel()
	first := newWorld()
	if status, answer := first.send(signedAt(now, "e-1", callBody)); status != 200 {
		t.Fatal(status, answer)
	}
	// A destination may keep JSON in a form of its own.
	first.inbox.Edit(func(d *memory.Data) {
		d.Events[0].Payload = `{ "note": "strictly private", "project_id": "acme-team-4", "type": "call.completed" }`
	})
	restarted := newWorld(func(o *Options) { o.Inbox = first.inbox })
	if status, answer := restarted.send(signedAt(now, "e-2", callBody)); status != 409 {
		t.Errorf("a replay was answered %d %s", status, answer)
	}
	if status, answer := restarted.send(signedAt(now, "e-1", callBody)); status != 200 || answer != "already stored\n" {
		t.Errorf("the sender's second attempt was answered %d %s", status, answer)
	}
	if len(first.inbox.events()) != 1 {
		t.Errorf("%d events are stored", len(first.inbox.events()))
	}
}

func TestReplayCheckUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.inbox.away = errAway
	if status, _ := w.send(signedAt(now, "e-1", callBody)); status != 503 {
		t.Errorf("answered %d", status)
	}
	w.inbox.away = nil
	if status, _ := w.send(signedAt(now, "e-1", callBody)); status != 200 {
		t.Errorf("answered %d once the destination is back", status)
	}
}

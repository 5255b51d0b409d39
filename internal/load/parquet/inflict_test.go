package parquet_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// Inflict implements [loadtest.Subject].
func (s *lake) Inflict(t testing.TB, d loadtest.Damage, of *warehouse.Rows) bool {
	t.Helper()
	switch d {
	case loadtest.DamageOrphan, loadtest.DamageOtherStart, loadtest.DamageLifecycle:
		s.overwrite(t, d, of)
	case loadtest.DamageCopy:
		s.copyLater(t, of)
	case loadtest.DamageUnqueued, loadtest.DamageQueued, loadtest.DamageTombstone:
		s.editState(t, d, of)
	case loadtest.DamageNoRow:
		s.damageFile(t, s.fileOf(t, "conversations", of), os.Remove)
	case loadtest.DamageNoTurns:
		s.damageFile(t, s.fileOf(t, "turns", of), os.Remove)
	case loadtest.DamageFile:
		s.damageFile(t, s.fileOf(t, "turns", of), func(name string) error { return os.Truncate(name, 100) })
	case loadtest.DamageForeign:
		name := s.fileOf(t, "turns", of)
		s.damageFile(t, name, func(string) error { return os.Link(name, filepath.Join(filepath.Dir(name), "part-1.parquet")) })
	case loadtest.DamageDay:
		for _, m := range warehouse.Members() {
			from := s.fileOf(t, m.Spec().Name, of)
			s.damageFile(t, from, func(string) error { return os.Link(from, filepath.Join(filepath.Dir(from), "d16.parquet")) })
		}
	case loadtest.DamageCutState:
		s.damageFile(t, filepath.Join(s.path, "_sync/manifests/project_id=p/2024-03.json"), func(name string) error { return os.Truncate(name, 10) })
	case loadtest.DamageManifest:
		s.forgetDay(t, of)
	default:
		return false
	}
	return true
}

func (s *lake) fileOf(t testing.TB, table string, of *warehouse.Rows) string {
	return parquet.File(t, s.path, table, of.Conversation.ProjectID, of.Conversation.StartedAt)
}

func (s *lake) damageFile(t testing.TB, name string, how func(string) error) {
	t.Helper()
	if err := how(name); err != nil {
		t.Fatal(err)
	}
}

// overwrite changes rows of the day's files.
func (s *lake) overwrite(t testing.TB, d loadtest.Damage, of *warehouse.Rows) {
	t.Helper()
	c := &of.Conversation
	parquet.Overwrite(t, s.path, c.ProjectID, c.StartedAt.Time(), func(conversations *[]warehouse.Conversation, turns *[]warehouse.Turn) {
		for i := range *conversations {
			if (*conversations)[i].ConversationID == c.ConversationID && d == loadtest.DamageLifecycle {
				(*conversations)[i].Lifecycle = warehouse.LifecycleOpen
			}
		}
		for _, turn := range slices.Clone(*turns) {
			switch {
			case turn.ConversationID != c.ConversationID:
				continue
			case d == loadtest.DamageOtherStart:
				turn.StartedAt += warehouse.Timestamp(time.Hour.Microseconds())
			case d == loadtest.DamageOrphan:
				turn.ConversationID = "orphan"
			default:
				continue
			}
			*turns = append(*turns, turn)
		}
	})
}

// copyLater copies a stored conversation to a new day six days later.
func (s *lake) copyLater(t testing.TB, of *warehouse.Rows) {
	t.Helper()
	r := loadtest.Clone(s.Dump(t).Conversations[[2]string{of.Conversation.ProjectID, of.Conversation.ConversationID}])
	later := warehouse.Timestamp((6 * 24 * time.Hour).Microseconds())
	r.Conversation.StartedAt += later
	for _, p := range warehouse.Parts {
		p.Bind(r)
	}
	parquet.CopyDay(t, s.path, r)
}

// editState adds or removes a line of the sync's own state.
func (s *lake) editState(t testing.TB, d loadtest.Damage, of *warehouse.Rows) {
	t.Helper()
	c := &of.Conversation
	members := map[string]any{"project_id": c.ProjectID, "conversation_id": c.ConversationID, "environment": c.Environment,
		"started_at": c.StartedAt, "first_seen_at": c.StartedAt}
	name := "_sync/state/open_conversations.jsonl"
	if d == loadtest.DamageTombstone {
		name = "_sync/state/erasures.jsonl"
		members = map[string]any{"project_id": c.ProjectID, "conversation_id": c.ConversationID, "erased_at": c.StartedAt, "run_id": "by-hand"}
	}
	line, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(s.read(t, name)), "\n"), func(l string) bool {
		return l == "" || strings.Contains(l, `"conversation_id":"`+c.ConversationID+`"`)
	})
	if d != loadtest.DamageUnqueued {
		lines = append(lines, string(line)+"\n")
	}
	if err := os.WriteFile(filepath.Join(s.path, name), []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// forgetDay removes the partition of a day from the manifest.
func (s *lake) forgetDay(t testing.TB, of *warehouse.Rows) {
	t.Helper()
	c := &of.Conversation
	name := "_sync/manifests/project_id=" + c.ProjectID + "/" + c.StartedAt.Time().Format("2006-01") + ".json"
	var m map[string]any
	err := json.Unmarshal(s.read(t, name), &m)
	part, _ := strings.CutSuffix(filepath.Base(s.fileOf(t, "conversations", of)), ".parquet")
	delete(m["partitions"].(map[string]any), part)
	text, failed := json.Marshal(m)
	if err := errors.Join(err, failed, os.WriteFile(filepath.Join(s.path, name), text, 0o600)); err != nil {
		t.Fatal(err)
	}
}

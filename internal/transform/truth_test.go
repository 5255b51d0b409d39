package transform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestRows_Truth transforms simulated conversations with every deviation, and
// compares each value with the one that the simulator intended.
func TestRows_Truth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	simulator, err := simulate.New(simulate.Options{
		Seed: 7, Deviations: simulate.AllDeviations(), Now: func() time.Time { return now },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			Alias:        "PROJECT-0000TEST",
			From:         now.AddDate(0, 0, -20),
			To:           now.Add(time.Hour),
			TurnsMean:    6,
			Environments: []simulate.Environment{{Name: "live", Conversations: 5000}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, rejects := readAll(t, simulator, now)
	if want := simulator.Unreadable("acme-team-4", "live", now); len(rejects) != want {
		t.Errorf("%d rejects, want %d", len(rejects), want)
	}
	n, bad := 0, 0
	for truth := range simulator.Truth("acme-team-4", "live", now) {
		n++
		rows := got[truth.ID]
		if rows == nil {
			t.Fatalf("%q was not read", truth.ID)
		}
		if again := withRules(asked, identity).Stored(rows); !reflect.DeepEqual(again, rows) {
			t.Errorf("%q: a rule that changes nothing makes %+v of %+v", truth.ID, again, rows)
		}
		if diff := differences(truth, rows); len(diff) > 0 {
			t.Errorf("%q:\n  %s", truth.ID, strings.Join(diff, "\n  "))
			if bad++; bad == 20 {
				t.Fatal("stopped after 20 differences")
			}
		}
	}
	if n != len(got) || n < 4000 {
		t.Errorf("%d conversations were read, of %d", len(got), n)
	}
}

// readAll reads all conversations that the simulator lists.
func readAll(t *testing.T, simulator *simulate.Simulator, now time.Time) (got map[string]*warehouse.Rows, rejects map[string]bool) {
	t.Helper()
	server := httptest.NewServer(simulator)
	defer server.Close()
	client, err := polyai.New(polyai.Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got, rejects = map[string]*warehouse.Rows{}, map[string]bool{}
	o := Options{
		AccountID: "acme-uk", ProjectID: "acme-team-4", Environment: "live", APIVersion: "v3",
	}
	q := polyai.ListQuery{
		AccountID:      "acme-uk",
		ProjectID:      "acme-team-4",
		Environment:    "live",
		Limit:          1000,
		IncludeLatency: true,
		Start:          now.AddDate(-1, 0, 0),
		End:            now.AddDate(1, 0, 0),
	}
	for more := true; more; {
		page, err := client.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for {
			v, err := page.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rows, _, err := Rows(polyai.Value(string(v)), &o, warehouse.TimestampOf(now.AddDate(0, 0, -7)))
			if err != nil {
				rejects[string(v)] = true
				continue
			}
			got[rows.Conversation.ConversationID] = rows
		}
		q.Cursor = page.Cursor()
		more = q.Cursor != ""
		if err := page.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got, rejects
}

// differences lists the columns in which the rows differ from the truth.
func differences(truth *simulate.Truth, rows *warehouse.Rows) []string {
	d := compareRow("conversations", &warehouse.Conversations, truth.Conversation, &rows.Conversation)
	d = append(d, compareRows("turns", &warehouse.Turns, truth.Turns, rows.Turns)...)
	d = append(d, compareRows("entities", &warehouse.Entities, truth.Entities, rows.Entities)...)
	return append(d, compareRows("metrics", &warehouse.Metrics, truth.Metrics, rows.Metrics)...)
}

func compareRows[R any](name string, table *warehouse.Table[R], want []map[string]any, got []R) (diff []string) {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("%s: %d rows, want %d", name, len(got), len(want))}
	}
	for i := range want {
		diff = append(diff, compareRow(fmt.Sprintf("%s[%d]", name, i), table, want[i], &got[i])...)
	}
	return diff
}

func compareRow[R any](name string, table *warehouse.Table[R], want map[string]any, got *R) (diff []string) {
	known := 0
	for i := range table.Columns {
		column := &table.Columns[i]
		wanted, ok := want[column.Name]
		if !ok {
			switch column.Name {
			case "content_hash", "shape", "first_seen_at", "updated_at", "run_id", "missing_since", "api_version":
				continue
			}
			diff = append(diff, fmt.Sprintf("%s: the truth has no value for %s", name, column.Name))
			continue
		}
		known++
		value := plain(column.Ref(got))
		if text, isJSON := wanted.(simulate.JSON); isJSON {
			canonical, _ := warehouse.Canonical(string(text))
			wanted = string(canonical)
		}
		if !reflect.DeepEqual(value, wanted) {
			diff = append(diff, fmt.Sprintf("%s.%s is %.300v (%T), want %.300v (%T)", name, column.Name, value, value, wanted, wanted))
		}
	}
	if known != len(want) {
		diff = append(diff, fmt.Sprintf("%s: the truth has columns that do not exist", name))
	}
	return diff
}

// plain converts the value of a column to the type that the truth uses.
func plain(field any) any {
	switch f := field.(type) {
	case *string:
		return *f
	case *warehouse.Text:
		return orNil(*f != "", string(*f))
	case *warehouse.JSON:
		return orNil(*f != "", string(*f))
	case *warehouse.List:
		return orNil(*f != nil, []string(*f))
	case *int64:
		return *f
	case *warehouse.Null[int64]:
		return orNil(f.Valid, f.V)
	case *warehouse.Null[float64]:
		return orNil(f.Valid, f.V)
	case *warehouse.Null[bool]:
		return orNil(f.Valid, f.V)
	case *warehouse.Timestamp:
		return f.Time()
	case *warehouse.Null[warehouse.Timestamp]:
		return orNil(f.Valid, f.V.Time())
	}
	panic("unknown column type")
}

func orNil[T any](valid bool, v T) any {
	if !valid {
		return nil
	}
	return v
}

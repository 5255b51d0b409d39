package transform

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

var simulatedNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// simulated returns the JSON of about n simulated conversations.
func simulated(t testing.TB, n int, turns float64, d simulate.Deviations) []polyai.Value {
	t.Helper()
	simulator, err := simulate.New(simulate.Options{
		Seed: 7, Deviations: d, Now: func() time.Time { return simulatedNow },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			Alias:        "PROJECT-0000TEST",
			From:         simulatedNow.AddDate(0, 0, -20),
			To:           simulatedNow,
			TurnsMean:    turns,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	defer server.Close()
	client, err := polyai.New(polyai.Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var values []polyai.Value
	q := polyai.ListQuery{
		AccountID:      "acme-uk",
		ProjectID:      "acme-team-4",
		Environment:    "live",
		Limit:          1000,
		IncludeLatency: true,
		Start:          simulatedNow.AddDate(-1, 0, 0),
		End:            simulatedNow,
	}
	for more := true; more; more = q.Cursor != "" {
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
			values = append(values, append(polyai.Value(nil), v...))
		}
		q.Cursor = page.Cursor()
		page.Close()
	}
	return values
}

// The benchmarks take the conversations of the simulator with 15 turns, 7.3 KB each.
const benchTurns = 15

func benchValues(b *testing.B) []polyai.Value {
	b.Helper()
	values := simulated(b, 500, benchTurns, simulate.Deviations{})
	size := 0
	for _, v := range values {
		size += len(v)
	}
	b.SetBytes(int64(size / len(values)))
	b.ReportAllocs()
	return values
}

func benchRows(b *testing.B) []*warehouse.Rows {
	b.Helper()
	var all []*warehouse.Rows
	for _, v := range benchValues(b) {
		rows, _, err := Rows(v, &asked, 0)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, rows)
	}
	return all
}

// BenchmarkDecode reads JSON into a polyai.Conversation.
func BenchmarkDecode(b *testing.B) {
	values := benchValues(b)
	for i := 0; b.Loop(); i++ {
		if _, err := polyai.Decode(values[i%len(values)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRows reads JSON into rows, with their hash.
func BenchmarkRows(b *testing.B) {
	values := benchValues(b)
	for i := 0; b.Loop(); i++ {
		if _, _, err := Rows(values[i%len(values)], &asked, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRowsAppend reads JSON into rows and encodes these as the stage does.
func BenchmarkRowsAppend(b *testing.B) {
	values := benchValues(b)
	var encoded []byte
	for i := 0; b.Loop(); i++ {
		rows, _, err := Rows(values[i%len(values)], &asked, 0)
		if err != nil {
			b.Fatal(err)
		}
		encoded = rows.Append(encoded[:0])
	}
}

func BenchmarkHash(b *testing.B) {
	all := benchRows(b)
	for i := 0; b.Loop(); i++ {
		all[i%len(all)].Hash()
	}
}

func BenchmarkAppend(b *testing.B) {
	all := benchRows(b)
	var encoded []byte
	for i := 0; b.Loop(); i++ {
		encoded = all[i%len(all)].Append(encoded[:0])
	}
}

func BenchmarkAppendDecode(b *testing.B) {
	all := benchRows(b)
	encoded := make([]string, len(all))
	for i := range all {
		encoded[i] = string(all[i].Append(nil))
	}
	var rows warehouse.Rows
	for i := 0; b.Loop(); i++ {
		if err := rows.Decode(encoded[i%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFields visits each field of each row, as the loaders do.
func BenchmarkFields(b *testing.B) {
	all := benchRows(b)
	members := warehouse.Members()
	columns := make([][]int, len(members))
	for i, m := range members {
		spec := m.Spec()
		columns[i] = spec.Find(spec.Names()...)
	}
	var fields []any
	for i := 0; b.Loop(); i++ {
		r := all[i%len(all)]
		for m, member := range members {
			for j := range member.Len(r) {
				fields = member.Fields(fields[:0], member.Row(r, j), columns[m])
			}
		}
	}
}

// BenchmarkIsSound checks that the bytes are JSON, which each page does before it
// returns a conversation.
func BenchmarkIsSound(b *testing.B) {
	values := benchValues(b)
	for i := 0; b.Loop(); i++ {
		if !polyai.IsSound(values[i%len(values)]) {
			b.Fatal("a conversation is not JSON")
		}
	}
}

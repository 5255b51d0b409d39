package polyai

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// TestDecoder_Plain compares a decoder that is reused with the plain form, for simulated
// conversations with every deviation.
func TestDecoder_Plain(t *testing.T) {
	t.Parallel()
	var d Decoder
	n := 0
	for _, v := range simulated(t) {
		checkPlain(t, &d, v)
		n++
	}
	if n < 1000 {
		t.Errorf("only %d conversations", n)
	}
}

// checkPlain decodes a value in both ways.
func checkPlain(t *testing.T, d *Decoder, v Value) {
	t.Helper()
	got, err := d.Decode(v)
	want, wantErr := plainDecode(v)
	switch {
	case !reflect.DeepEqual(err, wantErr):
		t.Fatalf("%s: error %+v, want %+v", v, err, wantErr)
	case err == nil && !reflect.DeepEqual(without(got), without(want)):
		t.Fatalf("%s\ngives %+v\nwant  %+v", v, got, want)
	}
	d.Release()
}

// without returns a copy in which lists without elements are nil.
func without(c *Conversation) *Conversation {
	copied := *c
	copied.Turns = append([]Turn(nil), c.Turns...)
	copied.Extra, copied.Drift = append([]Member(nil), c.Extra...), append([]Drift(nil), c.Drift...)
	for i := range copied.Turns {
		turn := &copied.Turns[i]
		turn.Extra, turn.Entities = append([]Member(nil), turn.Extra...), append([]Entity(nil), turn.Entities...)
	}
	return &copied
}

// simulated returns simulated conversations with every deviation.
func simulated(t *testing.T) (values []Value) {
	t.Helper()
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	simulator, err := simulate.New(simulate.Options{
		Seed: 13, Deviations: simulate.AllDeviations(), Now: func() time.Time { return now },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         now.AddDate(0, 0, -20),
			To:           now,
			TurnsMean:    5,
			Environments: []simulate.Environment{{Name: "live", Conversations: 2000}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	defer server.Close()
	client, err := New(Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	q := ListQuery{
		AccountID:      "acme-uk",
		ProjectID:      "acme-team-4",
		Environment:    "live",
		Limit:          1000,
		IncludeLatency: true,
		Start:          now.AddDate(-1, 0, 0),
		End:            now,
	}
	for more := true; more; more = q.Cursor != "" {
		page, err := client.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var v Value
		for v, err = page.Next(); err == nil; v, err = page.Next() {
			values = append(values, append(Value(nil), v...))
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		q.Cursor = page.Cursor()
		page.Close()
	}
	return values
}

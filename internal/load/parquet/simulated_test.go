package parquet

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// simulatedProject is the project of [simulatedRows].
const simulatedProject = "acme-team-4"

// simulatedRows returns about n conversations of 15 turns on average, as the
// simulator returns them, in the order of a file.
func simulatedRows(tb testing.TB, n int) []*warehouse.Rows {
	tb.Helper()
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	simulator, err := simulate.New(simulate.Options{
		Seed: 7, Now: func() time.Time { return now },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           simulatedProject,
			Alias:        "PROJECT-0000TEST",
			From:         now.AddDate(0, 0, -20),
			To:           now,
			TurnsMean:    15,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	defer server.Close()
	client, err := polyai.New(polyai.Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up", nil }})
	if err != nil {
		tb.Fatal(err)
	}
	defer client.Close()
	q := polyai.ListQuery{
		AccountID:      "acme-uk",
		ProjectID:      simulatedProject,
		Environment:    "live",
		Limit:          1000,
		IncludeLatency: true,
		Start:          now.AddDate(-1, 0, 0),
		End:            now.AddDate(1, 0, 0),
	}
	var rows []*warehouse.Rows
	for more := true; more; {
		page, err := client.List(tb.Context(), q)
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, simulatedPage(tb, page)...)
		q.Cursor = page.Cursor()
		more = q.Cursor != ""
	}
	slices.SortFunc(rows, func(a, b *warehouse.Rows) int {
		return compareEntries(entryOf(a), entryOf(b))
	})
	return rows
}

func entryOf(r *warehouse.Rows) *entry {
	return &entry{id: r.Conversation.ConversationID, start: r.Conversation.StartedAt}
}

func simulatedPage(tb testing.TB, page *polyai.Page) (rows []*warehouse.Rows) {
	tb.Helper()
	o := transform.Options{
		AccountID: "acme-uk", ProjectID: simulatedProject, Environment: "live", APIVersion: "v3",
	}
	for {
		v, err := page.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		r, _, err := transform.Rows(polyai.Value(string(v)), &o, 0)
		if err != nil {
			tb.Fatal(err)
		}
		for _, p := range warehouse.Parts {
			p.Sort(r)
		}
		rows = append(rows, r)
	}
	if err := page.Close(); err != nil {
		tb.Fatal(err)
	}
	return rows
}

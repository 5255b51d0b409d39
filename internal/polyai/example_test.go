package polyai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
)

// A page is read as a stream: conversations one at a time, then the cursor of the
// next page.
func ExampleClient_List() {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	source, err := simulate.New(simulate.Options{
		Now: func() time.Time { return now },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			Environments: []simulate.Environment{{Name: "live", Conversations: 5}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(source)
	defer server.Close()

	client, err := polyai.New(polyai.Options{
		BaseURL: server.URL,
		Key:     func(_ context.Context, _ bool) (string, error) { return "made-up-key", nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	query := polyai.ListQuery{
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		Start:       now.AddDate(0, 0, -30),
		End:         now,
		Limit:       3,
	}
	for {
		count, cursor, err := readPage(client, query)
		if err != nil {
			fmt.Println(err, polyai.IsTemporary(err))
			return
		}
		fmt.Println(count, "conversations, another page:", cursor != "")
		if cursor == "" {
			return
		}
		query.Cursor = cursor
	}
	// Output:
	// 3 conversations, another page: true
	// 2 conversations, another page: false
}

func readPage(client *polyai.Client, query polyai.ListQuery) (count int, cursor string, err error) {
	page, err := client.List(context.Background(), query)
	if err != nil {
		return 0, "", err
	}
	defer page.Close()
	for {
		value, err := page.Next()
		if errors.Is(err, io.EOF) {
			return count, page.Cursor(), nil
		}
		if err != nil {
			return 0, "", err
		}
		if _, err := polyai.Decode(value); err != nil {
			return 0, "", err
		}
		count++
	}
}

// Each field is read in all forms in which the API returns it.
func ExampleDecode() {
	conversation, err := polyai.Decode(polyai.Value(`{"id":"CA1","started_at":"2026-06-03 13:19:19","num_turns":"73","polyScore":6.0}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conversation.NumTurns.V, conversation.PolyScore.V, len(conversation.Drift))
	// Output: 73 6 0
}

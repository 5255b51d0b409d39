//go:build cgo

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawCall is a conversation as the API returns it.
type rawCall struct {
	ID                 string
	StartedAt          string `json:"started_at"`
	InProgress         *bool  `json:"in_progress"`
	Handoff            *bool
	HandoffReason      string   `json:"handoff_reason"`
	HandoffDestination string   `json:"handoff_destination"`
	TotalDuration      *float64 `json:"total_duration"`
	PolyAIDuration     *float64 `json:"polyai_duration"`
	NumTurns           int64    `json:"num_turns"`
	Channel            string
	VariantID          string `json:"variant_id"`
	VariantName        string `json:"variant_name"`
	FromNumber         string `json:"from_number"`
	ToNumber           string `json:"to_number"`
	Metrics            map[string]any
	Turns              []rawTurn

	start    time.Time
	day      string
	hour     int64
	customer string
}

type rawTurn struct {
	UserInput     string `json:"user_input"`
	UserInputDTMF string `json:"user_input_dtmf"`
	IsSilence     *bool  `json:"is_silence"`
	IsOOD         *bool  `json:"is_ood"`
	Latency       any
}

// rawCalls reads all pages of the API. rejected are the values that are no conversations.
func rawCalls(t *testing.T, server string, zone *time.Location) (calls []*rawCall, rejected map[string]bool) {
	t.Helper()
	seen := map[string]bool{}
	rejected = map[string]bool{}
	for cursor := ""; ; {
		q := url.Values{
			"start_time":      {"2026-05-01T00:00:00Z"},
			"end_time":        {"2026-07-01T00:00:00Z"},
			"limit":           {"100"},
			"include_latency": {"true"},
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Conversations []json.RawMessage
			Cursor        string
		}
		getJSON(t, server+"/v3/acme-uk/acme-team-4/conversations?"+q.Encode(), &page)
		for _, text := range page.Conversations {
			c := &rawCall{}
			start, err := time.Time{}, json.Unmarshal(text, c)
			if err == nil {
				start, err = time.Parse("2006-01-02T15:04:05.999999999Z07:00", c.StartedAt)
			}
			if err != nil || c.ID == "" {
				rejected[string(text)] = true
				continue
			}
			if seen[c.ID] {
				continue // a page repeats the end of the one before
			}
			seen[c.ID] = true
			local := start.In(zone)
			c.start, c.day, c.hour, c.customer = start, local.Format(time.DateOnly), int64(local.Hour()), c.FromNumber
			if strings.HasPrefix(c.ID, "OUT-") {
				c.customer = c.ToNumber
			}
			if slices.Contains([]string{"anonymous", "withheld", "private", "unknown"}, strings.ToLower(c.customer)) {
				c.customer = ""
			}
			calls = append(calls, c)
		}
		if cursor = page.Cursor; cursor == "" {
			return calls, rejected
		}
	}
}

func getJSON(t *testing.T, address string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", "made-up-key")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(address, response.Status, err)
	}
}

// known is a boolean of SQL; nil: NULL.
type known = *bool

func yes(v bool) known { return &v }

func isTrue(v known) bool { return v != nil && *v }

func isFalse(v known) bool { return v != nil && !*v }

func not(v known) known {
	if v == nil {
		return nil
	}
	return yes(!*v)
}

func and(a, b known) known {
	switch {
	case isFalse(a) || isFalse(b):
		return yes(false)
	case a == nil || b == nil:
		return nil
	}
	return yes(true)
}

func either(a, b known) known { return not(and(not(a), not(b))) }

func (c *rawCall) finished() bool { return !isTrue(c.InProgress) }

func (c *rawCall) transcript() string {
	switch n := int64(len(c.Turns)); {
	case n == 0 && c.NumTurns > 0:
		return "hidden"
	case n == 0:
		return "none"
	case n < c.NumTurns:
		return "short"
	}
	return "complete"
}

func (c *rawCall) userTurns() (n int64) {
	for _, turn := range c.Turns {
		if turn.UserInput != "" || turn.UserInputDTMF != "" {
			n++
		}
	}
	return n
}

// early is whether it was abandoned early.
func (c *rawCall) early() known {
	var short, silent known
	if c.TotalDuration != nil {
		short = yes(*c.TotalDuration < 10)
	}
	if s := c.transcript(); s == "complete" || s == "none" || c.userTurns() >= 2 {
		silent = yes(c.userTurns() < 2)
	}
	return and(not(c.Handoff), either(short, silent))
}

func (c *rawCall) outcome() string {
	switch early := c.early(); {
	case !c.finished():
		return "open"
	case isTrue(c.Handoff):
		return "handed_off"
	case isFalse(c.Handoff) && isTrue(early):
		return "abandoned_early"
	case isFalse(c.Handoff) && isFalse(early):
		return "contained"
	}
	return "unknown"
}

// next is the time until the next contact of the customer; 0: there is none.
func (c *rawCall) next(calls []*rawCall) (gap time.Duration) {
	for _, other := range calls {
		if d := other.start.Sub(c.start); other.customer == c.customer && c.customer != "" && d > 0 && (gap == 0 || d < gap) {
			gap = d
		}
	}
	return gap
}

// latencies are those of the turns.
func (c *rawCall) latencies() (all []float64) {
	for _, turn := range c.Turns {
		switch v := turn.Latency.(type) {
		case float64:
			all = append(all, v)
		case string:
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

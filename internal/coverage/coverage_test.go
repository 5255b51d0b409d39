package coverage_test

import (
	"testing"
	"time"

	"convsync/internal/coverage"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// feed was read from 2026-03-01 until its watermark, without ranges that were not.
func feed(watermark, zone string, lateness float64, gaps ...coverage.Range) *coverage.Feed {
	f := &coverage.Feed{Zone: coverage.Zone(zone), Watermark: at(watermark), LatenessSeconds: lateness}
	from := at("2026-03-01 00:00")
	for _, gap := range gaps {
		f.Read = append(f.Read, coverage.Range{From: from, Until: gap.From})
		from = gap.Until
	}
	f.Read = append(f.Read, coverage.Range{From: from, Until: f.Watermark})
	return f
}

func TestLastComplete(t *testing.T) {
	t.Parallel()
	const watermark, never = "2026-03-15 00:30", 9223372036
	gap := func(from, until string) coverage.Range { return coverage.Range{From: at(from), Until: at(until)} }
	type feeds = []*coverage.Feed
	for name, test := range map[string]struct {
		feeds          feeds
		complete, read string
	}{
		"UTC":            {feeds{feed(watermark, "UTC", 600)}, "2026-03-15", "2026-03-16"},
		"Late arrivals":  {feeds{feed(watermark, "UTC", 3600)}, "2026-03-14", "2026-03-16"},
		"Six days late":  {feeds{feed(watermark, "UTC", 6*24*3600)}, "2026-03-09", "2026-03-16"},
		"Too late":       {feeds{feed(watermark, "UTC", 9*24*3600)}, "2026-03-15", "2026-03-16"}, // the last that is whole
		"Never":          {feeds{feed(watermark, "UTC", never)}, "2026-03-15", "2026-03-16"},
		"East":           {feeds{feed(watermark, "Pacific/Auckland", 0)}, "2026-03-15", "2026-03-16"},
		"West":           {feeds{feed(watermark, "America/New_York", 0)}, "2026-03-14", "2026-03-15"},
		"Unknown zone":   {feeds{feed(watermark, "Mars/Olympus", 0)}, "2026-03-15", "2026-03-16"},
		"Midnight":       {feeds{feed("2026-03-15 00:00", "UTC", 0)}, "2026-03-15", "2026-03-15"},
		"Gap":            {feeds{feed(watermark, "UTC", 0, gap("2026-03-14 08:00", "2026-03-14 09:00"))}, "2026-03-14", "2026-03-16"},
		"Newest feed":    {feeds{feed("2026-03-06 00:30", "UTC", 0), feed(watermark, "UTC", 0), feed("2026-03-09 00:30", "UTC", 0)}, "2026-03-15", "2026-03-16"},
		"Complete first": {feeds{feed(watermark, "UTC", never), feed("2026-03-06 00:30", "UTC", 0)}, "2026-03-06", "2026-03-16"},
		"First hours":    {feeds{feed("2026-03-01 05:00", "UTC", 0)}, "2026-03-02", "2026-03-02"},
		"No watermark":   {feeds{{Zone: time.UTC, Read: []coverage.Range{gap("2026-03-01 00:00", "2026-03-09 00:00")}}}, "0001-01-01", "0001-01-01"},
		"None":           {nil, "0001-01-01", "0001-01-01"},
	} {
		complete, read := coverage.LastComplete(test.feeds).Format(time.DateOnly), coverage.LastRead(test.feeds).Format(time.DateOnly)
		if complete != test.complete || read != test.read {
			t.Errorf("%s: complete before %s, read before %s; want %s and %s", name, complete, read, test.complete, test.read)
		}
	}
}

func TestFeed_State(t *testing.T) {
	t.Parallel()
	f := feed("2026-03-15 12:00", "UTC", 3600, coverage.Range{From: at("2026-03-05 12:00"), Until: at("2026-03-08 00:00")})
	for day, want := range map[string]coverage.State{
		"2026-02-28": coverage.Before, "2026-03-01": coverage.Complete, "2026-03-05": coverage.Partial, "2026-03-06": coverage.NotRead,
		"2026-03-08": coverage.Complete, "2026-03-14": coverage.Complete, "2026-03-15": coverage.Partial, "2026-03-16": coverage.NotRead,
	} {
		if got := f.State(at(day + " 00:00")); got != want {
			t.Errorf("%s: got %d, want %d", day, got, want)
		}
	}
}

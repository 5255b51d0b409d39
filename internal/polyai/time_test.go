package polyai

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	at := func(micros int64) Micros { return Micros(1780492759e6 + micros) } // 2026-06-03T13:19:19Z
	for text, want := range map[string]Micros{
		"2026-06-03T13:19:19Z":                at(0),
		"2026-06-03T13:19:19":                 at(0),
		"2026-06-03 13:19:19":                 at(0),
		"2026-06-03T13:19:19+00:00":           at(0),
		"2026-06-03T15:49:19+02:30":           at(0),
		"2026-06-03T05:19:19-0800":            at(0),
		"2026-06-03T14:19:19+01":              at(0),
		"2026-06-03t13:19:19z":                at(0),
		"2026-06-03T13:19:19.7Z":              at(700000),
		"2026-06-03T13:19:19.757917":          at(757917),
		"2026-06-03T13:19:19.999999999+00:00": at(999999),
		"2026-06-03T13:19:19,5":               at(500000),
		"2026-06-03T13:19":                    at(-19e6),
		"2026-02-28T23:59:60Z":                Micros(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro()),
		"1969-12-31T23:59:59.5Z":              -500000,
	} {
		if got, ok := ParseTime(text); !ok || got != want {
			t.Errorf("%s is %d (%t), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "soon", "2026-06-03", "2026-06-03T", "2026-13-03T13:19:19Z", "2026-02-29T13:19:19Z", "2026-06-00T13:19:19Z", "2026-06-03T24:00:00Z",
		"2026-06-03T13:60:19Z", "2026-06-03T13:19:61Z", "2026-06-03T13:19:19.Z", "2026-06-03T13:19:19+25:00", "2026-06-03T13:19:19+01:",
		"2026-06-03T13:19:19Zx", "2026-06-03T13:19:19 Z", "0000-06-03T13:19:19Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
		"26-06-03T13:19:19Z", "2026-06-03T13:19:19+٠1:00",
	} {
		if got, ok := ParseTime(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestParseTime_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(earliest+86400, latest-86400).Draw(t, "seconds")
		zone := time.FixedZone("", rapid.IntRange(-14*60, 14*60).Draw(t, "minutes east")*60)
		at := time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
		got, ok := ParseTime(at.Format(time.RFC3339Nano))
		if !ok || int64(got) != at.UnixMicro() {
			t.Fatalf("%s is %d (%t), want %d", at.Format(time.RFC3339Nano), got, ok, at.UnixMicro())
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-06-03T13:19:19.757917Z")
	f.Add("2026-06-03 13:19+0100")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseTime(text)
		if want, err := time.Parse(time.RFC3339Nano, text); err == nil && ok && want.UnixMicro() != int64(got) {
			t.Fatalf("%s is %d, and %d by the standard library", text, got, want.UnixMicro())
		}
		if year := time.UnixMicro(int64(got)).UTC().Year(); ok && (year < 1 || year > 9999) {
			t.Fatalf("%s is of the year %d", text, year)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"73", "-0.5e-3", "007", "+44", "1e999", "", ".5", "0x1", "Inf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want float64
		isJSON := json.Unmarshal([]byte(text), &want) == nil && text != "null"
		for _, c := range text {
			isJSON = isJSON && c != ' ' && c != '\n' && c != '\t' && c != '\r'
		}
		got, ok := ParseNumber(text)
		if ok != isJSON || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s is %s (%t), want %g (%t)", text, strconv.FormatFloat(got, 'g', -1, 64), ok, want, isJSON)
		}
	})
}

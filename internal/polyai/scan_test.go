package polyai

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestScan compares the scanners of eight bytes at a time with loops over bytes.
func TestScan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte("aaaaaaaaz\"\\!#[]\x1f\x20\x00\x7f\x80\xa2\xdc\xff")), 0, 40).Draw(t, "text")
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		end, plain := scanString(text, from)
		wantEnd, wantPlain := plainScan(text, from)
		if end != wantEnd || plain != wantPlain && end > from+1 && text[end-1] == '"' {
			t.Fatalf("string of %q at %d ends at %d (plain %v), want %d (%v)", text, from, end, plain, wantEnd, wantPlain)
		}
		special := from
		for special < len(text) && text[special] != '"' && text[special] != '\\' && text[special] >= ' ' {
			special++
		}
		if got := nextSpecial(text, from); got != special {
			t.Fatalf("next special byte of %q from %d is at %d, want %d", text, from, got, special)
		}
	})
}

func plainScan(v []byte, at int) (end int, plain bool) {
	plain = true
	for at++; at < len(v); at++ {
		switch {
		case v[at] == '"':
			return at + 1, plain
		case v[at] == '\\':
			plain = false
			at++
		case v[at] >= 0x80:
			plain = false
		}
	}
	return len(v), false
}

func TestParseTime_Days(t *testing.T) {
	t.Parallel()
	for year := 1; year < 10000; year++ {
		for month := 1; month <= 12; month++ {
			first := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
			last := first.AddDate(0, 1, -1)
			if got := daysIn(year, month); got != last.Day() {
				t.Fatalf("%d-%d has %d days, want %d", year, month, got, last.Day())
			}
			for _, day := range []time.Time{first, last} {
				if got := daysSince1970(year, month, day.Day()); int64(got)*86400 != day.Unix() {
					t.Fatalf("%s is day %d, want %d", day, got, day.Unix()/86400)
				}
			}
		}
	}
}

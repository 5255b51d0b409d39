package extract

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClocks(t *testing.T) {
	t.Parallel()
	now := june(20, 12, 0)
	for name, c := range map[string]struct {
		clocks         Clocks
		earlier, later Second
	}{
		"Alike":              {Clocks{Source: now, Local: now}, now, now},
		"SourceAhead":        {Clocks{Source: now + 8*3600, Local: now}, now, now + 8*3600},
		"LocalAhead":         {Clocks{Source: now, Local: now + 10*Day}, now, now + 10*Day},
		"SlowAnswer":         {Clocks{Source: now + 3600, Local: now, Sent: now - 30}, now - 30, now + 3600},
		"SetBackMeanwhile":   {Clocks{Source: now, Local: now - 60, Sent: now}, now - 60, now},
		"SetBack":            {Clocks{Source: now, Local: 0, Witness: now - 600}, now - 600, now},
		"SourceSetBack":      {Clocks{Source: -20 * 365 * Day, Local: now, Witness: now - 600}, now - 600, now},
		"WitnessInTheFuture": {Clocks{Source: now, Local: now - 3600, Witness: now + 60}, now - 3600, now},
		"WitnessLongAgo":     {Clocks{Source: now + 3600, Local: now, Witness: now - Day}, now, now + 3600},
		"BeyondAllYears":     {Clocks{Source: now, Local: lastSecond + Day}, now, lastSecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.clocks.Sent == 0 {
				c.clocks.Sent = c.clocks.Local
			}
			if c.clocks.Earlier() != c.earlier || c.clocks.Later() != c.later {
				t.Errorf("%v to %v, want %v to %v", c.clocks.Earlier().Time(), c.clocks.Later().Time(), c.earlier.Time(), c.later.Time())
			}
		})
	}
}

func TestWitnessed(t *testing.T) {
	t.Parallel()
	coverage := []Covered{{ReadAt: 50}, {ReadAt: 10, Span: Span{5, 90}}, {ReadAt: 10}}
	if got := []Second{Witnessed(coverage, 100), Witnessed(coverage, 70), Witnessed(nil, 70)}; !slices.Equal(got, []Second{90, 70, 0}) {
		t.Errorf("got %v", got)
	}
}

func TestBelievable(t *testing.T) {
	t.Parallel()
	now := Second(1_000_000)
	span := func(from, until, readAt Second) Covered { return Covered{Span: Span{from, until}, ReadAt: readAt} }
	for name, c := range map[string]struct{ coverage, want []Covered }{
		"Past":           {[]Covered{span(10, 20, 30)}, []Covered{span(10, 20, 30)}},
		"WithinSlack":    {[]Covered{span(10, now+60, now+60)}, []Covered{span(10, now+60, now+60)}},
		"ReadInFuture":   {[]Covered{span(10, 20, now+61), span(20, 30, 40)}, []Covered{span(20, 30, 40)}},
		"MergedToFuture": {[]Covered{span(10, now+90_000, now-500)}, []Covered{span(10, now-500, now-500)}},
		"AllInFuture":    {[]Covered{span(now+100, now+90_000, now-500)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Believable(c.coverage, now); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestClockDifference(t *testing.T) {
	t.Parallel()
	now := june(20, 12, 0).Time()
	for d, want := range map[time.Duration]string{
		0: "", 5 * time.Minute: "", -5 * time.Minute: "",
		5*time.Minute + time.Second: "is 5m0s ahead of the clock of this machine", -8 * time.Hour: "is 8h0m0s behind the clock of this machine",
	} {
		got := ClockDifference(now.Add(d), now)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", d, got)
		}
	}
}

// Starts outside of the requested range, such as in the year 9999, do not make a
// dense slice look empty.
func TestSampleElsewhere(t *testing.T) {
	t.Parallel()
	asked := Span{june(1, 0, 0), june(2, 0, 0)}
	chunk := &Chunk{}
	for _, start := range []string{"9999-12-31T23:59:59Z", "2026-06-01T00:00:10Z"} {
		chunk.add([]byte(`{"started_at":"` + start + `"}`))
	}
	var s sample
	s.look(chunk, asked)
	if s.seconds() != 1 || s.conversations != 2 {
		t.Errorf("%d conversations in %d seconds", s.conversations, s.seconds())
	}
}

package main

import (
	"strings"
	"testing"
	"time"

	"convsync/internal/recordings"
)

func TestProgressBar(t *testing.T) {
	t.Parallel()
	const day = 24 * 60 * 60
	half := howFar{
		read:      6000,
		expected:  12_345,
		published: 12 * day,
		planned:   30 * day,
		elapsed:   10 * time.Second,
	}
	for name, c := range map[string]struct {
		width int
		h     howFar
		want  string
	}{
		"Narrow":      {60, half, "[####......] 48 %, 11 s left, 6000 conversations, 600/s"},
		"Usual":       {80, half, "[########..........] 48 %, 11 s left, 6000 conversations, 600/s"},
		"Wide":        {120, half, "[#############...............] 48 %, 11 s left, 6000 conversations, 600/s, about 12000 in all, 12.0 of 30.0 days stored"},
		"VeryNarrow":  {30, half, "48 %, 11 s left"},
		"Tiny":        {4, half, "48 "},
		"NoWidth":     {0, half, ""},
		"NothingYet":  {60, howFar{elapsed: time.Second}, "[..........]  0 %, waiting for the source, 0 conversations"},
		"FirstPage":   {60, howFar{read: 500, expected: 900_000, planned: 30 * day, elapsed: time.Second}, "[..........]  0 %, 30 min left, 500 conversations, 500/s"},
		"NoneSoFar":   {60, howFar{published: 10 * day, planned: 20 * day, elapsed: time.Minute}, "[#####.....] 50 %, 61 s left, 0 conversations"},
		"SlowSource":  {80, howFar{read: 9, expected: 900, planned: 30 * day, elapsed: 30 * time.Second}, "[..................]  1 %, 50 min left, 9 conversations, 0.3/s"},
		"OnlyStoring": {60, howFar{read: 900, expected: 900, planned: 30 * day, elapsed: 30 * time.Second}, "[#########.] 99 %, storing the rest, 900 conversations"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := (&progressBar{}).line(c.width, c.h)
			if !strings.HasPrefix(got, c.want) || len(got) > max(c.width-1, 0) {
				t.Errorf("%d columns: %q, %d long, want %q", c.width, got, len(got), c.want)
			}
		})
	}
}

// TestProgressBar_Estimates checks that the bar does not go back with an estimate.
func TestProgressBar_Estimates(t *testing.T) {
	t.Parallel()
	b := &progressBar{}
	b.line(60, howFar{read: 600, expected: 1000, elapsed: time.Second})
	if got := b.line(60, howFar{read: 600, expected: 2000, elapsed: time.Second}); !strings.HasPrefix(got, "[######....] 60 %") {
		t.Errorf("it shows %q", got)
	}
}

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1 s left", 89 * time.Second: "90 s left", 12*time.Minute + 40*time.Second: "13 min left",
		3*time.Hour + 7*time.Minute: "3 h 7 min left", 75 * time.Hour: "3 days left",
	} {
		if got := timeLeft(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := &screen{to: &out}
	write := func(text string) {
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	write("before\n")
	s.draw("")
	s.draw("[#.]")
	write("log\n")
	s.draw("[##]")
	s.draw("")
	write("after\n")
	const erase = "\r\x1b[K"
	if want := "before\n" + erase + "[#.]" + erase + "log\n[#.]" + erase + "[##]" + erase + "after\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestRecordingFacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   recordings.Status
		want string
	}{
		{recordings.Status{Due: 10, Left: -1}, " 0 %, estimating the time left, 0 of 10 recordings"},
		{
			recordings.Status{
				Done:           5,
				Due:            10,
				Bytes:          2_000_000,
				PerSecond:      2.5,
				BytesPerSecond: 1_000_000,
				Left:           2 * time.Second,
			},
			"50 %, 3 s left, 5 of 10 recordings, 2.5/s, 2.0 MB, 1.0 MB/s",
		},
	} {
		if got := strings.Join(recordingFacts(c.at, float64(c.at.Done)/float64(c.at.Due)), ", "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

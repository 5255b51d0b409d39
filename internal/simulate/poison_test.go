package simulate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPoison(t *testing.T) {
	t.Parallel()
	const index = 42
	for poison, c := range map[Poison]struct {
		text            string
		status          int
		rejects, truths int
	}{
		PoisonNaN:       {`"poison":NaN}`, http.StatusOK, 1, 99},
		PoisonLineBreak: {"one line\nand", http.StatusOK, 1, 99},
		PoisonQuote:     {`said "no" twice`, http.StatusOK, 0, 99},
		PoisonRefused:   {"INTERNAL_ERROR", http.StatusInternalServerError, 0, 99},
		PoisonDeep:      {strings.Repeat("[", 12_000), http.StatusOK, 0, 100},
	} {
		t.Run(string(poison), func(t *testing.T) {
			t.Parallel()
			s := newTest(t, testOptions(100))
			override(t, s, index, Override{Poison: poison})
			answered := ask(t, s, listPathOf, url.Values{})
			if answered.Code != c.status || !strings.Contains(answered.Body.String(), c.text) {
				t.Errorf("answered %d", answered.Code)
			}
			if n := s.Unreadable("acme-team-4", "live", later); n != c.rejects {
				t.Errorf("%d are unreadable, want %d", n, c.rejects)
			}
			if n := len(truths(s, later)); n != c.truths {
				t.Errorf("%d are in the truth, want %d", n, c.truths)
			}
			before := ask(t, s, listPathOf, url.Values{"limit": {"10"}}) // it is on the sixth page
			if before.Code != http.StatusOK || strings.Contains(before.Body.String(), c.text) {
				t.Errorf("another page has the status %d", before.Code)
			}
		})
	}
}

func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	o := testOptions(10)
	o.ByteOrderMark = true
	if body := ask(t, newTest(t, o), listPathOf, url.Values{}).Body.String(); !strings.HasPrefix(body, "\xEF\xBB\xBF{") {
		t.Errorf("the page begins with %q", body[:10])
	}
}

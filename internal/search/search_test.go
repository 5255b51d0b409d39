package search

import (
	"strings"
	"testing"

	"convsync/internal/answer"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Cancel my order!":               "cancel my order",
		"don't e-mail a_b@c.example, OK": "don t e mail a b c example ok",
		"ÉTÉ – «à Köln» 3.50€":           "été à köln 3 50",
		"FU\u0308R, e\u0301te\u0301":     "für été",
		"日本語、テスト。 👋 x":                   "日本語 テスト x",
		" \t\n!? ":                       "",
		strings.Repeat("é", 61):          strings.Repeat("é", 60),
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 30)
	for name, c := range map[string]struct {
		texts []string
		words string
		want  string
	}{
		"user":       {[]string{"Cancel my order", "Your order?"}, "cancel order", "User: **Cancel** my **order**"},
		"agent":      {[]string{"yes", "Your order?"}, "order", "Agent: Your **order**?"},
		"translated": {[]string{"oui", "ja", "yes please", ""}, "yes", "User, translated: **yes** please"},
		"long":       {[]string{long + "cancel my\norder " + long}, "cancel order", "User: …word word word word word word word **cancel** my **order** word word word word word word word word word word word word…"},
		"no spaces":  {[]string{strings.Repeat("é.", 200) + "cancel" + strings.Repeat("!é", 200)}, "cancel", "User: …**cancel**…"},
		"composed":   {[]string{"Danke fu\u0308r alles"}, "für", "User: Danke **für** alles"},
		"split":      {[]string{"cancel", "order"}, "cancel order", "User: **cancel**"},
	} {
		if got := snippet(c.texts, strings.Fields(c.words)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// The statement has no text of the user.
func TestStatement(t *testing.T) {
	t.Parallel()
	q := &Question{
		Words:   "x'; DROP TABLE turns --",
		Project: "p'q",
		Variant: "v'w",
		Outcome: "o'p",
		Limit:   3,
	}
	for _, dialect := range []string{"duckdb", "postgres"} {
		s := statement(dialect, q, Words(q.Words))
		if err := answer.CheckParams(s); err != nil {
			t.Error(err)
		}
		for _, value := range []string{"drop", "p'q", "v'w", "o'p"} {
			if strings.Contains(strings.ToLower(s.SQL), value) {
				t.Errorf("%s: the statement contains %s", dialect, value)
			}
		}
		if s.Params["words"] != "x drop table turns" {
			t.Errorf("%s: the words are %q", dialect, s.Params["words"])
		}
	}
}

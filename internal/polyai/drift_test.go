package polyai

import (
	"strings"
	"testing"
)

func TestDriftName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"review_state":          "review_state",
		"":                      "",
		"order_4711":            "order_#",
		"order_4711_item_2":     "order_#_item_#",
		"+44 20 7946 0000":      DataName,
		"٣٤_slots":              "#_slots",
		"ada@example.com":       DataName,
		"3f2b9c1e-77aa":         DataName,
		strings.Repeat("é", 64): strings.Repeat("é", 64),
		strings.Repeat("n", 65): DataName,
	} {
		v := Value(`{"id":"a","started_at":"2026-06-01T00:00:00Z","` + name + `":1,"turns":[{"` + name + `":1}]}`)
		c, err := Decode(v)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Drift) != 2 || c.Drift[0].Path != want || c.Drift[1].Path != "turns[]."+want {
			t.Errorf("%q: drift %+v, want the paths %q and turns[].%[3]q", name, c.Drift, want)
		}
		if c.Extra[0].Name != name {
			t.Errorf("extra has %q, want the name as given: %q", c.Extra[0].Name, name)
		}
	}
}

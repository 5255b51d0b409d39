package polyai

import (
	"strings"
	"testing"
)

func TestMaskKey(t *testing.T) {
	t.Parallel()
	const key = "made-up-key-4711"
	for name, c := range map[string]struct{ text, key, want string }{
		"header":        {"bad header x-api-key: " + key, key, "bad header x-api-key: [key]"},
		"twice":         {key + "," + key + ".", key, "[key],[key]."},
		"in quotes":     {`"` + key + `"`, key, `"[key]"`},
		"underlined":    {"key_" + key + "_", key, "key_[key]_"},
		"part of words": {"x" + key + " " + key + "0 " + key, key, "x" + key + " " + key + "0 [key]"},
		"short":         {"many companies have any", "any", "many companies have any"},
		"seven":         {"the word seventy", "seventy", "the word seventy"},
		"none":          {"no key at all", "", "no key at all"},
		"overlap":       {"aaaaaaaaa aaaaaaaa", "aaaaaaaa", "aaaaaaaaa [key]"},
	} {
		if got := maskKey(c.text, c.key); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := shorten("a\x1b[2J\r\n\u009b1m\u202eb\a"); got != "a [2J 1m b" {
		t.Errorf("got %q", got)
	}
	if got := shorten(strings.Repeat("é", 300)); len(got) > maxMessageBytes+len("…") {
		t.Errorf("%d bytes", len(got))
	}
}

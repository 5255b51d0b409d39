package main

import (
	"strings"
	"testing"
)

func TestHints(t *testing.T) {
	t.Parallel()
	const text = "one: `convsync run` loads; `convsync check --x 1`, and `convsync run --config y`, `make`, convsync serve\n"
	for file, want := range map[string]string{
		"":            text,
		"a/b.yaml":    "one: `convsync run --config a/b.yaml` loads; `convsync check --x 1 --config a/b.yaml`, and `convsync run --config y`, `make`, convsync serve\n",
		"my files/$a": "one: `convsync run --config 'my files/$a'` loads; `convsync check --x 1 --config 'my files/$a'`, and `convsync run --config y`, `make`, convsync serve\n",
	} {
		var got strings.Builder
		n, err := (&app{configFile: file}).hints(&got).Write([]byte(text))
		if got.String() != want || n != len(text) || err != nil {
			t.Errorf("%q: got %s, want %s", file, got.String(), want)
		}
	}
	if got := shellQuote("it's"); got != `'it'\''s'` {
		t.Errorf("got %s", got)
	}
}

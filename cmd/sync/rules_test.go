package main

import (
	"strings"
	"testing"

	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

func TestEventRules(t *testing.T) {
	t.Parallel()
	replace := func(old, by string) transform.Rules {
		return transform.Rules{{Name: old, Version: by, JSON: func(v polyai.Value) polyai.Value {
			return polyai.Value(strings.ReplaceAll(string(v), old, by))
		}}}
	}
	rules := eventRules(map[string]transform.Rules{"a": replace("secret", "a"), "b": replace("private", "b"), "c": nil})
	for project, want := range map[string]warehouse.JSON{
		"a": `{"x":["a","private"]}`,
		"b": `{"x":["secret","b"]}`,
		"c": `{"x":["secret","private"]}`,
		"":  `{"x":["a","b"]}`,
	} {
		if got := rules(project, `{"x":["secret","private"]}`); got != want {
			t.Errorf("%q: got %s, want %s", project, got, want)
		}
	}
}

package main

import (
	"os"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestTheDataDictionaryIsThatOfTheDeclarations(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile("../../docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	if r := convsync(t, nil, "schema"); r.stdout != string(written) {
		t.Error("docs/tables.md is not what `convsync schema` prints: run `make docs`")
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	r := convsync(t, nil, "schema", "turns")
	if r.want(t, exitOK, "| `user_input` |"); !strings.HasPrefix(r.stdout, "## turns\n") || strings.Contains(r.stdout, "## conversations") {
		t.Errorf("one table is printed as:\n%.300s", r.stdout)
	}
}

func TestAudioURL(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]config.Project{
		"https://api.uk.poly.ai": {Region: "uk"},
		"http://127.0.0.1:8088":  {BaseURL: "http://127.0.0.1:8088"},
		"https://agents.example": {BaseURL: "http://127.0.0.1:8088", AgentsBaseURL: "https://agents.example"},
	} {
		if got := audioURL(&p); got != want {
			t.Errorf("recordings of %+v are at %q, want %q", p, got, want)
		}
	}
}

package main

import (
	"os"
	"testing"
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

package polyai

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPageSuccessFalse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"success":false,"error_code":"E1","error_message":"index is down","conversations":[]}`: "E1: index is down",
		`{"conversations":null,"success":false,"error":"down"}`:                                  "down",
		`{"success":false,"data":null}`:                                                          "without a reason",
		`{"success":false,"conversations":[{"id":"a"}]}`:                                         "",
		`{"conversations":[],"error":"timeout"}`:                                                 "timeout",
		`{"error_message":"down","conversations":null,"cursor":null}`:                            "down",
		`{"conversations":[],"error":null,"error_code":"","error_message":""}`:                   "",
		`{"conversations":[{"id":"a"}],"error":"timeout"}`:                                       "",
		`{"success":true,"conversations":[],"error":"none"}`:                                     "",
		`{"success":true,"conversations":[]}`:                                                    "",
		`{"success":"false","conversations":[]}`:                                                 "",
	} {
		_, _, err := readAll(t, serve(t, answer(body)), someQuery)
		if want == "" && err != nil && !errors.Is(err, io.EOF) || want != "" && (!IsTemporary(err) || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

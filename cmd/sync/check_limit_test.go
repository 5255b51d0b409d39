package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
)

// A run lowers a page size that the source refuses, so check must not call it wrong.
func TestCheckLimitRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ most, code int }{"lower": {100, exitOK}, "none fits": {50, exitFailed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err != nil || n > c.most {
					w.WriteHeader(http.StatusUnprocessableEntity)
					_, _ = w.Write([]byte(`{"error": "limit is too large"}`))
					return
				}
				_, _ = w.Write([]byte(`{"conversations": []}`))
			}))
			t.Cleanup(source.Close)
			file := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
			convsync(t, nil, "check", "--config", file).want(t, c.code)
			convsync(t, nil, "run", "--config", file).want(t, c.code)
		})
	}
}

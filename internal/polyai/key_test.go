package polyai

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestKey_OtherHosts(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := client.List(t.Context(), someQuery); err == nil || reached.Load() {
		t.Errorf("the other host was reached: %t, error %v", reached.Load(), err)
	}
	for _, base := range []string{"http://api.uk-1.platform.polyai.app", "ftp://localhost", "", "api.uk-1.platform.polyai.app", "http://127.0.0.1.example.com"} {
		if _, err := New(Options{BaseURL: base}); err == nil {
			t.Errorf("%q was accepted", base)
		}
	}
}

func TestNew_HostHint(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://api.poly.ai":       "has no region",
		"https://api.uk.poly.ai":    "api.uk-1.platform.polyai.app",
		"https://studio.us.poly.ai": "api.us-1.platform.polyai.app",
	} {
		if _, err := New(Options{BaseURL: base}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", base, err, want)
		}
	}
	for _, r := range Regions {
		if _, err := New(Options{BaseURL: "https://" + r.DataHost}); err != nil {
			t.Errorf("the data host of %s is refused: %v", r.Name, err)
		}
	}
}

func TestKey_RenewedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("x-api-key") != "made-up-key-0002" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"conversations":[]}`)
	}
	rotated := serve(t, handler, func(o *Options) {
		o.Key = func(_ context.Context, renew bool) (string, error) {
			if renew {
				return "made-up-key-0002", nil
			}
			return madeUpKey, nil
		}
	})
	if _, _, err := readAll(t, rotated, someQuery); err != nil || asked.Load() != 2 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
	asked.Store(0)
	if _, _, err := readAll(t, serve(t, handler), someQuery); !IsAuth(err) || asked.Load() != 1 {
		t.Errorf("the same key was used %d times: %v", asked.Load(), err)
	}
}

package polyai

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestListHeaders(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.ProtoMajor == 2; got != http2 {
				t.Errorf("the request came by %s", r.Proto)
			}
			w.Header().Set("X-Large", strings.Repeat("x", 2*maxHeaderBytes))
			_, _ = w.Write([]byte(`{"conversations":[]}`))
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		client, err := New(Options{
			BaseURL: server.URL, RootCAs: roots, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if page, err := client.List(t.Context(), ListQuery{AccountID: "a", ProjectID: "p"}); err == nil || !IsTemporary(err) {
			t.Errorf("HTTP/2 %v: %v, %v", http2, page, err)
		}
	}
}

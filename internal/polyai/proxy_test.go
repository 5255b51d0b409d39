package polyai

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestProxyError sends a request through a proxy that refuses CONNECT.
func TestProxyError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status    int
		said      []string
		temporary bool
	}{
		{http.StatusForbidden, []string{"answered 403 Forbidden", "api.uk-1.platform.polyai.app:443", "NO_PROXY"}, false},
		{http.StatusProxyAuthRequired, []string{"answered 407 Proxy Authentication Required", "HTTPS_PROXY"}, false},
		{http.StatusServiceUnavailable, []string{"answered 503 Service Unavailable"}, true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect {
				t.Errorf("the proxy received %s", r.Method)
			}
			w.WriteHeader(c.status)
		}))
		t.Cleanup(server.Close)
		client, err := New(Options{
			BaseURL: "https://api.uk-1.platform.polyai.app", Key: func(context.Context, bool) (string, error) { return madeUpKey, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		proxy, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		said := append(c.said, "the proxy "+proxy.Host)
		proxy.User = url.UserPassword("made-up-user", "made-up-password")
		client.http.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
		_, err = client.List(t.Context(), someQuery)
		if err == nil {
			t.Fatal("the refusal of a proxy is not an error")
		}
		for _, s := range said {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%d: the error does not contain %q: %v", c.status, s, err)
			}
		}
		if strings.Contains(err.Error(), "made-up") {
			t.Errorf("the error contains the credentials of the proxy: %v", err)
		}
		if IsTemporary(err) != c.temporary {
			t.Errorf("%d: temporary is %t", c.status, !c.temporary)
		}
	}
}

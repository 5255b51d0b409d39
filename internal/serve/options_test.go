package serve

import "testing"

func TestOptionsInClearText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options Options
		want    bool
	}{
		"loopback":          {Options{Address: "127.0.0.1:8080"}, false},
		"loopback, v6":      {Options{Address: "[::1]:8080"}, false},
		"localhost":         {Options{Address: "localhost:8080"}, false},
		"all addresses":     {Options{Address: "0.0.0.0:8080"}, true},
		"all addresses, v6": {Options{Address: "[::]:8080"}, true},
		"name":              {Options{Address: "sync.example.com:8080"}, true},
		"with TLS":          {Options{Address: "0.0.0.0:8443", CertFile: "cert.pem", KeyFile: "key.pem"}, false},
	} {
		if got := c.options.inClearText(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

package main

import (
	"testing"

	"convsync/internal/config"
)

func TestInClearText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve config.Serve
		want  bool
	}{
		"loopback":          {config.Serve{Listen: "127.0.0.1:8080"}, false},
		"loopback, v6":      {config.Serve{Listen: "[::1]:8080"}, false},
		"localhost":         {config.Serve{Listen: "localhost:8080"}, false},
		"all addresses":     {config.Serve{Listen: "0.0.0.0:8080"}, true},
		"all addresses, v6": {config.Serve{Listen: "[::]:8080"}, true},
		"name":              {config.Serve{Listen: "sync.example.com:8080"}, true},
		"with TLS":          {config.Serve{Listen: "0.0.0.0:8443", CertFile: "cert.pem", KeyFile: "key.pem"}, false},
	} {
		if got := inClearText(&c.serve); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

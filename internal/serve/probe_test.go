package serve

import (
	"cmp"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAProbeFindsAServerThatLives(t *testing.T) {
	t.Parallel()
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	writeCertificate(t, certFile, keyFile, 1, time.Now())
	for name, o := range map[string]Options{
		"this machine":    {Address: "127.0.0.1:0"},
		"all addresses":   {Address: "0.0.0.0:0", Token: "made-up-token-1234"},
		"with TLS":        {Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile},
		"by another name": {Address: "localhost:0"},
	} {
		at := map[string]string{"with TLS": "https://127.0.0.1:", "by another name": "http://localhost:"}[name]
		destination, feeds := healthy(1, time.Now())
		o.Destination, o.Feeds = destination, feeds
		s, err := New(o)
		if err == nil {
			err = s.Start(t.Context())
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		host, _, _ := net.SplitHostPort(o.Address)
		_, port, _ := net.SplitHostPort(s.Addr().String())
		address := net.JoinHostPort(host, port)
		if at = cmp.Or(at, "http://127.0.0.1:") + port; s.URL() != at {
			t.Errorf("%s: it serves at %s, not at %s", name, s.URL(), at)
		}
		if err := Probe(t.Context(), address, o.CertFile != ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if Probe(t.Context(), address, o.CertFile == "") == nil {
			t.Errorf("%s: it answers in the other protocol", name)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := Probe(t.Context(), address, o.CertFile != ""); err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("%s: stopped, a probe says %v", name, err)
		}
	}
	if err := Probe(t.Context(), "127.0.0.1:0", false); err == nil || !strings.Contains(err.Error(), "has no port") {
		t.Errorf("without a port it says %v", err)
	}
}

func TestWhereAServerThatListensEverywhereIsAsked(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "10.0.0.7": "10.0.0.7", "localhost": "localhost", "::1": "::1",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("listening on %q, it is asked at %q, not %q", listen, got, want)
		}
	}
}

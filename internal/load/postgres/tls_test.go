package postgres

import (
	"net/url"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/pgtest"
)

func TestURLError(t *testing.T) {
	t.Parallel()
	const password = "made-up-5e3c1a9b7d"
	for name, c := range map[string]struct{ url, want string }{
		"port":        {"postgres://u:" + password + "@127.0.0.1:no/x", "it looks like postgres://"},
		"escape":      {"postgres://u:" + password + "%zz@127.0.0.1/x", "it looks like postgres://"},
		"sslmode":     {"postgres://u:" + password + "@127.0.0.1/x?sslmode=on", "the sslmode of the Postgres destination is not known; use disable, prefer, require"},
		"words":       {"host=127.0.0.1 password=" + password + " sslmode=on", "the sslmode of the Postgres destination is not known"},
		"certificate": {"postgres://u:" + password + "@127.0.0.1/x?sslmode=verify-full&sslrootcert=/none/ca.pem", "open /none/ca.pem: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Open(t.Context(), Options{URL: fixed(c.url)})
			if err == nil {
				t.Fatal("opened", d.Close())
			}
			if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, password) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if !load.IsMisconfigured(err) {
				t.Errorf("does not count as a fault of the configuration: %v", err)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	const first, second = "with TLS", "without TLS"
	for name, c := range map[string]struct {
		url  string
		want []string
	}{
		"remote":          {"postgres://u:p@db.example.com/x", []string{first}},
		"remote, query":   {"postgres://u:p@db.example.com/x?connect_timeout=3", []string{first}},
		"remote, words":   {"host=db.example.com user=u password='sslmode' dbname=x", []string{first}},
		"remote, address": {"postgres://u:p@10.0.0.1/x", []string{first}},
		"remote, second":  {"postgres://u:p@localhost:5432,db.example.com:5432/x", []string{first, first}},
		"disable":         {"postgres://u:p@db.example.com/x?sslmode=disable", []string{second}},
		"prefer":          {"postgres://u:p@db.example.com/x?sslmode=prefer", []string{first, second}},
		"prefer, words":   {"host=db.example.com sslmode = 'prefer'", []string{first, second}},
		"allow":           {"postgres://u:p@db.example.com/x?sslmode=allow", []string{second, first}},
		"verify-full":     {"postgres://u:p@db.example.com/x?sslmode=verify-full", []string{first}},
		"loopback":        {"postgres://u:p@127.0.0.1/x", []string{first, second}},
		"loopback, v6":    {"postgres://u:p@[::1]/x", []string{first, second}},
		"loopback, name":  {"postgres://u:p@localhost/x", []string{first, second}},
		"socket":          {"host=/run/postgresql user=u dbname=x", []string{second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := parseURL(c.url)
			if err != nil {
				t.Fatal(err)
			}
			got := []bool{config.TLSConfig != nil}
			for _, fallback := range config.Fallbacks {
				got = append(got, fallback.TLSConfig != nil)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %d attempts (with TLS: %v), want %v", len(got), got, c.want)
			}
			for i, with := range got {
				if with != (c.want[i] == first) {
					t.Errorf("attempt %d: with TLS %v, want %s", i, with, c.want[i])
				}
			}
		})
	}
}

// The server of the tests has no TLS. 0.0.0.0 reaches it, and is not a loopback
// address.
func TestServerWithoutTLS(t *testing.T) {
	t.Parallel()
	remote := func(mode string) string {
		return pgtest.With(t, pgtest.URL(t), func(u *url.URL) {
			u.Host, u.RawQuery = "0.0.0.0:"+u.Port(), mode
		})
	}
	wantState(t, open(t, Options{URL: fixed(remote(""))}).Check(t.Context()), "add sslmode=disable to destination.postgres.url")
	if err := open(t, Options{URL: fixed(remote("sslmode=disable"))}).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// probeTimeout is the timeout of a probe.
const probeTimeout = 5 * time.Second

// Probe checks the health of the server that listens on an address of this
// machine, in the form of [Options]; secure is whether it uses TLS.
func Probe(ctx context.Context, address string, secure bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return fmt.Errorf("cannot check %q: the address has no port", address)
	}
	url := "http://" + net.JoinHostPort(reachable(host), port) + "/healthz"
	// The certificate is for the public name of the server. The request contains
	// no secret, and only the status is read.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	if secure {
		url = strings.Replace(url, "http:", "https:", 1)
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("cannot check %q: %w", address, err)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<10))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s returned %s", url, res.Status)
	}
	return nil
}

// reachable returns the host to connect to for a listen address: the loopback
// address if the server listens on all addresses.
func reachable(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && addr.IsUnspecified() && addr.Is4():
		return "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		return "::1"
	}
	return host
}

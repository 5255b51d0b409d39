package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var discard = slog.New(slog.DiscardHandler)

// wait lets time pass in a bubble of synctest.
func wait(d time.Duration) { <-time.After(d) }

// ask speaks HTTP over a connection of its own.
func ask(t *testing.T, c net.Conn, path string) string {
	t.Helper()
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path)
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestAServerServesFromStartToStop(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	s, err := New(Options{Address: "127.0.0.1:0", Destination: destination, Feeds: feeds})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stopping what was not started: %v", err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if answer := ask(t, c, "/readyz"); !strings.HasSuffix(answer, "ready\n") {
		t.Errorf("ready is answered %q", answer)
	}
	taken, err := New(Options{Address: s.Addr().String(), Destination: destination})
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.Start(t.Context()); err == nil {
		t.Error("an address can be taken twice")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if w := get(s, "/readyz"); w.Code != 503 {
		t.Errorf("after the end it is ready: %d", w.Code)
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		c.Close()
		t.Error("after the end it listens")
	}
}

// writeCertificate makes files for localhost with a serial number.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64, changed time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsRenewedWithoutARestart(t *testing.T) {
	t.Parallel()
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	long := time.Now().Add(-time.Hour)
	writeCertificate(t, certFile, keyFile, 1, long)
	destination, feeds := healthy(1, time.Now())
	s, err := New(Options{
		Address:     "127.0.0.1:0",
		Destination: destination,
		Feeds:       feeds,
		CertFile:    certFile,
		KeyFile:     keyFile,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		n := c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		if answer := ask(t, c, "/healthz"); !strings.HasSuffix(answer, "ok\n") {
			t.Errorf("over TLS health is answered %q", answer)
		}
		return n
	}
	if n := serial(); n != 1 {
		t.Errorf("the first certificate is number %d", n)
	}
	writeCertificate(t, certFile, keyFile, 2, long.Add(time.Minute))
	if n := serial(); n != 2 {
		t.Errorf("after it was renewed the certificate is number %d", n)
	}
	if err := os.WriteFile(certFile, []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("while it is half written the certificate is number %d", n)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

package polyai

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// handshakeTimeout imitates the error of net/http, which has no exported type.
type handshakeTimeout struct{}

func (handshakeTimeout) Error() string   { return "net/http: TLS handshake timeout" }
func (handshakeTimeout) Timeout() bool   { return true }
func (handshakeTimeout) Temporary() bool { return true }

func TestReach(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err                    error
		unreachable, temporary bool
		hint                   string
	}{
		"Refused":      {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), true, true, "api.example.com:443 refused the connection"},
		"NoRoute":      {dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), true, true, "no route to api.example.com:443"},
		"ConnectLate":  {dial(os.ErrDeadlineExceeded), true, true, "check the network"},
		"NoSuchHost":   {dial(&net.DNSError{Err: "no such host", IsNotFound: true}), true, false, "there is no such host: check region or base_url"},
		"NameServer":   {dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), true, true, "the DNS server did not respond"},
		"Authority":    {x509.UnknownAuthorityError{}, true, false, "source.ca_file"},
		"OtherHost":    {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, true, false, "the certificate is for another host"},
		"Expired":      {x509.CertificateInvalidError{Reason: x509.Expired}, true, false, "check the clock of this machine"},
		"Alert":        {&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, true, true, "the TLS handshake failed"},
		"Handshake":    {handshakeTimeout{}, true, true, "the TLS handshake failed"},
		"NoTLS":        {tls.RecordHeaderError{}, true, true, "does not use TLS"},
		"Cut":          {io.ErrUnexpectedEOF, false, true, ""},
		"Reset":        {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false, true, ""},
		"LateAnswer":   {os.ErrDeadlineExceeded, false, true, "check the network"},
		"Canceled":     {dial(context.Canceled), false, false, ""},
		"ProxyTooBusy": {&proxyError{"proxy:3128", 503}, true, true, "CONNECT to api.example.com:443"},
		"ProxyForbids": {&proxyError{"proxy:3128", 403}, true, false, "NO_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := New(Options{BaseURL: "https://api.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			err = client.transportError(t.Context(), client.base, &url.Error{Op: "Get", URL: "https://x", Err: c.err})
			if IsUnreachable(err) != c.unreachable || IsTemporary(err) != c.temporary {
				t.Errorf("unreachable: %t, temporary: %t", !c.unreachable, IsTemporary(err))
			}
			var transport *TransportError
			if !errors.As(err, &transport) {
				t.Fatal(err)
			}
			if hint := transport.Hint; !strings.Contains(hint, c.hint) || c.hint == "" && hint != "" {
				t.Errorf("hint %q, want %q", hint, c.hint)
			}
		})
	}
}

// TestReachTLS connects to real servers: one whose certificate is not trusted, and one
// without TLS.
func TestReachTLS(t *testing.T) {
	t.Parallel()
	secure, plain := httptest.NewTLSServer(answer("{}")), httptest.NewServer(answer("{}"))
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	for url, hint := range map[string]string{
		secure.URL: "source.ca_file",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not use TLS",
	} {
		client, err := New(Options{BaseURL: url, Key: func(context.Context, bool) (string, error) { return madeUpKey, nil }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		if _, err := client.List(t.Context(), someQuery); !IsUnreachable(err) || IsTemporary(err) || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

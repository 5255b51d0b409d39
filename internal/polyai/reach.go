package polyai

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// IsUnreachable reports whether no connection to the source could be established: its
// name was not resolved, the connection was refused, the network or a proxy blocks it, or
// TLS failed. It is false for a connection that breaks later.
func IsUnreachable(err error) bool {
	var transport *TransportError
	var dns *net.DNSError
	var op *net.OpError
	var proxy *proxyError
	return errors.As(err, &transport) && !errors.Is(err, context.Canceled) &&
		(errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &proxy) || IsTLS(err))
}

// IsTLS reports whether a TLS handshake failed, including certificates that are not
// trusted.
func IsTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	return errors.As(err, &certificate) || errors.As(err, &record) || IsCertificate(err) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") || // TLS alerts in crypto/tls
		isTimeout(err) && strings.Contains(err.Error(), "TLS handshake") // net/http has no type for this error
}

// IsCertificate reports whether the source's certificate is not trusted.
func IsCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// reachHint returns what to do about a request without a response; "" if that is not
// known.
func reachHint(u *url.URL, err error) string {
	var dns *net.DNSError
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		return proxy.hint(u.Hostname())
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no such host: check region or base_url (a data host looks like api.uk-1.platform.polyai.app)"
	case errors.As(err, &dns):
		return "the DNS server did not respond: check the DNS settings of this machine, and HTTPS_PROXY if a proxy is needed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return hostPort(u) + " refused the connection, or a firewall did: check base_url, and HTTPS_PROXY if a proxy is needed"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no route to " + hostPort(u) + ": check the network of this machine, its firewall, and HTTPS_PROXY if a proxy is needed"
	case IsTLS(err):
		return tlsHint(u, err)
	case isTimeout(err):
		return "check the network, and HTTPS_PROXY if a proxy is needed"
	}
	return ""
}

func tlsHint(u *url.URL, err error) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority: behind an intercepting proxy, set source.ca_file to its certificates"
	case errors.As(err, &hostname):
		return "the certificate is for another host: check region or base_url, and whether a proxy or DNS redirects to another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet: check the clock of this machine"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return hostPort(u) + " does not use TLS: check the port of base_url, and whether a proxy interferes"
	}
	return "the TLS handshake failed: check whether a proxy or firewall interferes, and source.ca_file if a proxy intercepts TLS"
}

// hostPort returns host and port of a URL, with the default port if it has none.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

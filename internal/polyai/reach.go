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

// IsUnreachable reports whether no connection to the source could be made: its
// name was not resolved, nothing listens, the network or a proxy is in the way,
// or TLS failed. A connection that breaks later is a different error.
func IsUnreachable(err error) bool {
	var transport *TransportError
	var dns *net.DNSError
	var op *net.OpError
	var proxy *proxyError
	return errors.As(err, &transport) && !errors.Is(err, context.Canceled) &&
		(errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &proxy) || IsTLS(err))
}

// IsTLS reports whether a connection failed because TLS could not be agreed on,
// including certificates that are not trusted.
func IsTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	return errors.As(err, &certificate) || errors.As(err, &record) || IsCertificate(err) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") || // what crypto/tls calls alerts
		isTimeout(err) && strings.Contains(err.Error(), "TLS handshake") // an error of net/http without a type
}

// IsCertificate reports whether the source's certificate is not trusted.
func IsCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// reachHint is what to try where a request got no answer; "": nothing known.
func reachHint(u *url.URL, err error) string {
	var dns *net.DNSError
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		return proxy.hint(u.Hostname())
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no such host: check region or base_url (data hosts are named like api.uk-1.platform.polyai.app)"
	case errors.As(err, &dns):
		return "the name server did not answer: check the DNS settings of this machine, and HTTPS_PROXY where a proxy is needed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + hostPort(u) + ", or a firewall refuses: check base_url, and HTTPS_PROXY where a proxy is needed"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no route to " + hostPort(u) + ": check the network of this machine, its firewall, and HTTPS_PROXY where a proxy is needed"
	case IsTLS(err):
		return tlsHint(u, err)
	case isTimeout(err):
		return "check the network, and HTTPS_PROXY where a proxy is needed"
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
		return "the certificate is signed by an authority that is not known: behind an intercepting proxy, name its certificates with source.ca_file"
	case errors.As(err, &hostname):
		return "the certificate is for another host: check region or base_url, and whether a proxy or DNS leads elsewhere"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet: check the clock of this machine"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return hostPort(u) + " does not answer with TLS: check the port of base_url, and whether a proxy is in the way"
	}
	return "no TLS connection was possible: check whether a proxy or firewall is in the way, and source.ca_file where a proxy intercepts TLS"
}

// hostPort names where a connection goes, with the port that is meant by default.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

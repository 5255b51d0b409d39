package polyai

import (
	"fmt"
	"net/http"
	"net/url"
)

// proxyError is returned when a proxy refuses a request.
type proxyError struct {
	host   string // host and port of the proxy, never its credentials
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %d %s", e.host, e.status, http.StatusText(e.status))
}

// hint returns what to do to reach host.
func (e *proxyError) hint(host string) string {
	if e.status == http.StatusProxyAuthRequired {
		return "it requires authentication: set HTTPS_PROXY with user and password, as in http://user:password@" + e.host
	}
	return fmt.Sprintf("allow CONNECT to %s:443 in the proxy, or set NO_PROXY=%[1]s if no proxy is needed; the proxy comes from HTTPS_PROXY", host)
}

// isLasting reports whether a retry would get the same response from the proxy.
func (e *proxyError) isLasting() bool {
	return e.status < http.StatusInternalServerError && e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests
}

// proxyAnswer returns an error if a proxy refused CONNECT. The error of the transport
// would contain only the reason phrase.
func proxyAnswer(proxy *url.URL, res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy.Host, res.StatusCode}
}

package polyai

import (
	"fmt"
	"net/http"
	"net/url"
)

// proxyError says that a proxy does not let a request through.
type proxyError struct {
	host   string // of the proxy, and its port; never its credentials
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %d %s", e.host, e.status, http.StatusText(e.status))
}

// hint is what to try to get to a host.
func (e *proxyError) hint(host string) string {
	if e.status == http.StatusProxyAuthRequired {
		return "it asks who you are: set HTTPS_PROXY with a user and a password that it knows, as in http://user:password@" + e.host
	}
	return fmt.Sprintf("have it let CONNECT to %s:443 through, or set NO_PROXY=%[1]s where no proxy is needed; HTTPS_PROXY names the proxy", host)
}

// isLasting reports whether the proxy will answer the same to the same request.
func (e *proxyError) isLasting() bool {
	return e.status < http.StatusInternalServerError && e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests
}

// proxyAnswer is the error of a proxy's answer to CONNECT, if it is one. The
// transport itself would tell no more than the reason phrase.
func proxyAnswer(proxy *url.URL, res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy.Host, res.StatusCode}
}

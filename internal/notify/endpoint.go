package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/cenkalti/backoff/v5"

	"convsync/internal/loopback"
)

const (
	nameWebhook   = "webhook"
	nameHeartbeat = "heartbeat"
)

// endpoint is a secret URL: errors contain its host only.
type endpoint struct {
	name   string // for errors
	url    URLFunc
	client *http.Client
}

func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport,
		// A redirect could send the message to an unintended host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (e *endpoint) post(ctx context.Context, body []byte) error {
	return e.ask(ctx, http.MethodPost, body)
}
func (e *endpoint) get(ctx context.Context) error { return e.ask(ctx, http.MethodGet, nil) }

func (e *endpoint) ask(ctx context.Context, method string, body []byte) error {
	u, err := e.resolve(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(e.errNoURL())
	}
	req.Header.Set("User-Agent", "convsync")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.client.Do(req)
	if err != nil {
		return e.failed(ctx, u, err)
	}
	defer res.Body.Close()                                       //nolint:errcheck // only the status is used
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be reused
	return e.judge(u, res.StatusCode)
}

func (e *endpoint) resolve(ctx context.Context) (*url.URL, error) {
	text, err := e.url(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text) // its error would repeat the URL
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, backoff.Permanent(e.errNoURL())
	}
	if u.Scheme == "http" && !loopback.Host(u.Hostname()) {
		return nil, backoff.Permanent(fmt.Errorf("the URL of the %s, at %s, must use https; http is accepted for this machine only",
			e.name, u.Host))
	}
	return u, nil
}

func (e *endpoint) errNoURL() error {
	return fmt.Errorf("the URL of the %s is not valid: expected one such as https://hooks.example.com/…", e.name)
}

// judge returns an error unless the status is a success.
func (e *endpoint) judge(u *url.URL, status int) error {
	said := fmt.Sprintf("the %s at %s answered %d %s", e.name, u.Host, status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return backoff.Permanent(errors.New(said + ": redirects are not followed; use the URL that it redirects to"))
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return errors.New(said)
	}
	return backoff.Permanent(errors.New(said + ": check that its URL is complete and still valid"))
}

// failed describes why there was no response, without the URL.
func (e *endpoint) failed(ctx context.Context, u *url.URL, err error) error {
	if inner := (*url.Error)(nil); errors.As(err, &inner) { // its text contains the URL
		err = inner.Err
	}
	why := err.Error()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = fmt.Sprintf("no response within %s", tryTimeout)
	}
	password, _ := u.User.Password()
	for _, secret := range []string{u.String(), u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery, password} {
		if len(secret) > 1 { // a server may echo the request
			why = strings.ReplaceAll(why, secret, "[redacted]")
		}
	}
	return fmt.Errorf("the %s at %s could not be reached: %s", e.name, u.Host, why)
}

package polyai

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Options configure a client.
type Options struct {
	// BaseURL is the data host, such as https://api.uk-1.platform.polyai.app;
	// plain http goes to this machine only.
	BaseURL    string
	APIVersion string // v3 unless set
	// Key gives the key for a request; renew asks for it anew, after the
	// source refused the one before.
	Key       func(ctx context.Context, renew bool) (string, error)
	UserAgent string
	RootCAs   *x509.CertPool // the system's unless set
	Timeouts  Timeouts
	// MaxConversationBytes bounds the decoded size of a conversation: its bytes as
	// JSON, or 256 for each of its values where that is more. Beyond it a
	// conversation is a reject. [DefaultMaxConversationBytes] unless set.
	MaxConversationBytes int
}

// Timeouts bound the phases of a request, not the whole: a page may be long.
type Timeouts struct {
	Connect   time.Duration // until the connection stands; 10 s unless set
	FirstByte time.Duration // until the answer begins; 2 min unless set
	Idle      time.Duration // between two pieces of the body; 1 min unless set
}

// Client asks one host. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	options Options
	http    *http.Client
}

// New makes a client. It refuses hosts that cannot be right.
func New(o Options) (*Client, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	if hint := hostHint(c.base.Hostname()); hint != "" {
		return nil, errors.New(hint)
	}
	return c, nil
}

const maxHeaderBytes = 256 << 10 // of an answer; it is held before anything is known of it

func newClient(o Options) (*Client, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" {
		return nil, errors.New("the API's address is no URL: expected one such as https://api.uk-1.platform.polyai.app")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return nil, fmt.Errorf("%s: a key must not travel in the clear: use https, or http to this machine only", base.Redacted())
	}
	base.Path = cmp.Or(base.Path, "/")
	o.APIVersion = cmp.Or(o.APIVersion, "v3")
	o.Timeouts.Connect = cmp.Or(o.Timeouts.Connect, 10*time.Second)
	o.Timeouts.FirstByte = cmp.Or(o.Timeouts.FirstByte, 2*time.Minute)
	o.Timeouts.Idle = cmp.Or(o.Timeouts.Idle, time.Minute)
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: o.Timeouts.Connect}).DialContext,
		TLSHandshakeTimeout:    o.Timeouts.Connect,
		ResponseHeaderTimeout:  o.Timeouts.FirstByte,
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
			return proxyAnswer(proxy, res)
		},
	}
	return &Client{base: base, options: o, http: &http.Client{
		Transport: transport,
		// The key would travel with a redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// ListQuery asks for a page of the conversations that started in a stretch of time.
type ListQuery struct {
	AccountID, ProjectID string // in either form
	Environment          string // live, sandbox or pre-release
	Start, End           time.Time
	Limit                int    // conversations a page, 1 to 1000
	Cursor               string // of the page before; "" for the first
	Offset               int64  // rows to skip, where there is no cursor
	IncludeLatency       bool
}

func (c *Client) listURL(q *ListQuery) *url.URL {
	values := url.Values{
		"start_time": {queryTime(q.Start)},
		"end_time":   {queryTime(q.End)},
		"limit":      {strconv.Itoa(q.Limit)},
	}
	if q.Environment != "" {
		values.Set("client_env", q.Environment)
	}
	if q.IncludeLatency {
		values.Set("include_latency", "true")
	}
	switch {
	case q.Cursor != "":
		values.Set("cursor", q.Cursor)
	case q.Offset > 0:
		values.Set("offset", strconv.FormatInt(q.Offset, 10))
	}
	u := c.base.JoinPath(c.options.APIVersion, url.PathEscape(q.AccountID), url.PathEscape(q.ProjectID), "conversations")
	u.RawQuery = values.Encode()
	return u
}

// mayOmitNext reports whether a page that names no next page may still be
// followed by one: v1 and v2 page by offset, and not every answer names the next.
func (c *Client) mayOmitNext() bool { return c.options.APIVersion != "v3" }

// List asks for a page. The caller closes it. Errors are [*APIError],
// [*TransportError], or the key's own.
func (c *Client) List(ctx context.Context, q ListQuery) (*Page, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	res, err := c.get(ctx, c.listURL(&q))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	page := newPage(res, c.describe(res.Request.URL), cancel, c.options.Timeouts.Idle, c.mayOmitNext())
	page.limitMemory(ctx, c.options.MaxConversationBytes)
	return page, nil
}

// get sends a request, and once more when the key was refused and there is
// another one by now.
func (c *Client) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	key, err := c.options.Key(ctx, false)
	if err != nil {
		return nil, err
	}
	res, err := c.send(ctx, u, key)
	if !IsAuth(err) {
		return res, err
	}
	renewed, keyErr := c.options.Key(ctx, true)
	if keyErr != nil || renewed == key {
		return res, err
	}
	return c.send(ctx, u, renewed)
}

func (c *Client) send(ctx context.Context, u *url.URL, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	c.setHeaders(req, key)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.transportError(ctx, u, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // the answer is an error already
	return nil, c.apiError(res, u, key)
}

func (c *Client) setHeaders(req *http.Request, key string) {
	req.Header.Set("x-api-key", key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache") // a cached answer has an old list and an old Date
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
}

// maxErrorBytes is read of the body of an error.
const maxErrorBytes = 64 << 10

func (c *Client) apiError(res *http.Response, u *url.URL, key string) error {
	idle := time.AfterFunc(c.options.Timeouts.Idle, func() { res.Body.Close() }) //nolint:errcheck // to end the reading
	defer idle.Stop()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes)) // what there is of it
	e := &APIError{
		Request: c.describe(u), Status: res.StatusCode, withCursor: u.Query().Has("cursor") || u.Query().Has("offset"),
		CorrelationID: shorten(res.Header.Get("X-PolyAI-Correlation-Id")),
	}
	e.retryAfter, e.waitTold = parseRetryAfter(res.Header, time.Now())
	// A gateway may echo what it was sent: whole, cut off by the length of a
	// message, or with the escapes of JSON.
	e.describeBody([]byte(maskKey(string(body), key)))
	e.Message, e.Code, e.CorrelationID = maskKey(e.Message, key), maskKey(e.Code, key), maskKey(e.CorrelationID, key)
	e.Hint = statusHint(res.StatusCode, u.Host)
	return e
}

func statusHint(status int, host string) string {
	switch {
	case status == http.StatusUnauthorized:
		return "the key is missing, wrong, expired or of another region: keys are made per region and project; " +
			"check that this project's api_key belongs to the region of " + host
	case status == http.StatusForbidden:
		return "the key has no right to read this project: check account_id, the project's id, and the key's rights in Studio"
	case status == http.StatusNotFound:
		return host + " knows no such account or project: check region, account_id and the project's id against the address " +
			"of the project in Studio (https://studio.REGION.poly.ai/ACCOUNT/PROJECT)"
	case status >= 300 && status < 400:
		return "redirects are not followed, since the key would travel with them: set base_url to the host that answers"
	}
	return ""
}

// describe is a request for people: its parameters, and no key.
func (c *Client) describe(u *url.URL) string {
	q := u.Query()
	what := "GET " + u.Scheme + "://" + u.Host + u.EscapedPath()
	if q.Has("start_time") {
		what += " (" + q.Get("client_env") + ", " + q.Get("start_time") + " to " + q.Get("end_time") + ")"
	}
	return what
}

func (c *Client) transportError(ctx context.Context, u *url.URL, err error) error {
	var inner *url.Error
	if errors.As(err, &inner) { // it would repeat the whole address
		err = inner.Err
	}
	if ctx.Err() != nil { // why is for people: it may be the error of another request
		err = ctx.Err()
		if why := context.Cause(ctx); !errors.Is(why, err) {
			err = fmt.Errorf("%w (%v)", err, why) //nolint:errorlint // see above
		}
	}
	if proxy := (*proxyError)(nil); errors.As(err, &proxy) {
		err = proxy
	}
	return &TransportError{Request: c.describe(u), Err: err, Hint: reachHint(u, err)}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

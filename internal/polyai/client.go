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
	"net/url"
	"strconv"
	"time"

	"convsync/internal/loopback"
)

// Options configure a client.
type Options struct {
	// BaseURL is the data host, such as https://api.uk-1.platform.polyai.app.
	// Plain http is allowed for this machine only.
	BaseURL    string
	APIVersion string // default v3
	// Key returns the key for a request. If renew is set, the source refused the
	// previous key, and Key reads it again.
	Key       func(ctx context.Context, renew bool) (string, error)
	UserAgent string
	RootCAs   *x509.CertPool // default: those of the system
	Timeouts  Timeouts
	// MaxConversationBytes limits the decoded size of a conversation: its bytes as
	// JSON, or 256 for each of its values if that is more. A larger conversation is
	// rejected. The default is [DefaultMaxConversationBytes].
	MaxConversationBytes int
}

// Timeouts limit the phases of a request, not the whole request: a page may be large.
type Timeouts struct {
	Connect   time.Duration // until the connection is established; default 10 s
	FirstByte time.Duration // until the response begins; default 2 min
	Idle      time.Duration // between two reads of the body; default 1 min
}

// Client sends requests to one host. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	options Options
	http    *http.Client
}

// New returns a client of a data host. It returns an error for hosts that are known to
// be wrong, such as a build host.
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

// maxHeaderBytes limits the headers of a response, which are read into memory.
const maxHeaderBytes = 256 << 10

func newClient(o Options) (*Client, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" {
		return nil, errors.New("the address of the API is not a URL: expected one such as https://api.uk-1.platform.polyai.app")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback.Host(base.Hostname())) {
		return nil, fmt.Errorf("%s: the key must not be sent in the clear: use https, or http to this machine only", base.Redacted())
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
		// A redirect would send the key to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ListQuery selects a page of the conversations that started in a time range.
type ListQuery struct {
	AccountID, ProjectID string // in either form
	Environment          string // live, sandbox or pre-release
	Start, End           time.Time
	Limit                int    // conversations per page, 1 to 1000
	Cursor               string // from the previous page; "" for the first
	Offset               int64  // rows to skip, if there is no cursor
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

// mayOmitNext reports whether another page may follow although a page does not name
// it: v1 and v2 use offsets, and not every response has the next one.
func (c *Client) mayOmitNext() bool { return c.options.APIVersion != "v3" }

// List requests a page, which the caller closes. An error is an [*APIError], a
// [*TransportError], or comes from Options.Key.
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

func (c *Client) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	return c.withKey(ctx, func(key string) (*http.Response, error) { return c.send(ctx, u, key) })
}

// withKey sends a request. If the key is refused, withKey reads the key again and
// retries once if it has changed.
func (c *Client) withKey(ctx context.Context, send func(key string) (*http.Response, error)) (*http.Response, error) {
	key, err := c.options.Key(ctx, false)
	if err != nil {
		return nil, err
	}
	res, err := send(key)
	if !IsAuth(err) {
		return res, err
	}
	renewed, keyErr := c.options.Key(ctx, true)
	if keyErr != nil || renewed == key {
		return res, err
	}
	return send(renewed)
}

func (c *Client) send(ctx context.Context, u *url.URL, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	c.setHeaders(req, key)
	res, err := c.do(req)
	if err != nil {
		return nil, c.transportError(ctx, u, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // the response is an error already
	return nil, c.apiError(res, u, key)
}

func (c *Client) setHeaders(req *http.Request, key string) {
	req.Header.Set("x-api-key", key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache") // a cached response has an old list and an old Date
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
}

// maxErrorBytes limits how much of the body of an error is read.
const maxErrorBytes = 64 << 10

func (c *Client) apiError(res *http.Response, u *url.URL, key string) error {
	idle := time.AfterFunc(c.options.Timeouts.Idle, func() { res.Body.Close() }) //nolint:errcheck // it only ends the read
	defer idle.Stop()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes)) // a partial body is fine
	e := &APIError{
		Request: c.describe(u), Status: res.StatusCode, withCursor: u.Query().Has("cursor") || u.Query().Has("offset"),
		CorrelationID: shorten(res.Header.Get("X-PolyAI-Correlation-Id")),
	}
	e.server, _ = http.ParseTime(res.Header.Get("Date"))
	e.retryAfter, e.hasRetryAfter = parseRetryAfter(res.Header, time.Now())
	// A gateway may echo the request: completely, truncated to the length of a
	// message, or with JSON escapes.
	e.describeBody([]byte(maskKey(string(body), key)))
	e.Message, e.Code, e.CorrelationID = maskKey(e.Message, key), maskKey(e.Code, key), maskKey(e.CorrelationID, key)
	e.Hint = statusHint(res.StatusCode, u.Host)
	return e
}

func statusHint(status int, host string) string {
	switch {
	case status == http.StatusUnauthorized:
		return "the key is missing, wrong, expired or of another region: a key is valid for one region and project; " +
			"check that this project's api_key belongs to the region of " + host
	case status == http.StatusForbidden:
		return "the key has no permission to read this project: check account_id, the project id, and the permissions of the key in Studio"
	case status == http.StatusNotFound:
		return host + " has no such account or project: check region, account_id and the project id against the address " +
			"of the project in Studio (https://studio.REGION.poly.ai/ACCOUNT/PROJECT)"
	case status >= 300 && status < 400:
		return "redirects are not followed, because they would send the key to another host: set base_url to the final host"
	}
	return ""
}

// describe returns a request as text for messages, with its parameters but without the
// key.
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
	if errors.As(err, &inner) { // it would repeat the URL
		err = inner.Err
	}
	if ctx.Err() != nil { // the cause is only text: it may be the error of another request
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

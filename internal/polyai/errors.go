package polyai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// APIError is a response with an error status.
type APIError struct {
	Request       string // the request, without the key
	Status        int
	Code, Message string // from the response
	CorrelationID string // for PolyAI's support
	Hint          string // what to do

	retryAfter    time.Duration
	hasRetryAfter bool
	withCursor    bool
	server        time.Time
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: answered %d %s", e.Request, e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		fmt.Fprintf(&b, ", %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.CorrelationID != "" {
		fmt.Fprintf(&b, " (correlation id %s)", e.CorrelationID)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "; %s", e.Hint)
	}
	return b.String()
}

// TransportError is a request without a complete response: no connection, a reset, a
// timeout, a body that is truncated or not JSON.
type TransportError struct {
	Request string
	Err     error
	Hint    string
}

func (e *TransportError) Error() string {
	msg := e.Request + ": " + e.Err.Error()
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

func (e *TransportError) Unwrap() error { return e.Err }

// BrokenError is a conversation in a page that is not well-formed JSON, such as one with
// NaN or a raw line break in a string. Its start and end are certain, so the other
// conversations of the page are not affected.
type BrokenError struct {
	Request string
	Value   Value // the conversation as it was returned, valid until the next call of the page
}

func (e *BrokenError) Error() string {
	return e.Request + ": a conversation in the response is not well-formed JSON"
}

// errNotAPage is returned for a response that is JSON, or begins like JSON, but is not a
// page.
var errNotAPage = errors.New("the response is not a list of conversations")

// IsAuth reports whether the source refused the key.
func IsAuth(err error) bool {
	var api *APIError
	return errors.As(err, &api) && (api.Status == http.StatusUnauthorized || api.Status == http.StatusForbidden)
}

// IsStaleCursor reports whether the source refused a cursor. The caller has to start
// again at the first page.
func IsStaleCursor(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == http.StatusBadRequest && api.withCursor
}

// IsLimitRefused reports whether the source refused the requested number of
// conversations per page.
func IsLimitRefused(err error) bool {
	var api *APIError
	return errors.As(err, &api) && (api.Status == http.StatusBadRequest || api.Status == http.StatusUnprocessableEntity) &&
		strings.Contains(strings.ToLower(api.Message+" "+api.Code), "limit")
}

// IsTemporary reports whether the same request may succeed later.
func IsTemporary(err error) bool {
	var api *APIError
	if errors.As(err, &api) {
		switch api.Status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	if broken := (*BrokenError)(nil); errors.As(err, &broken) {
		return true
	}
	var transport *TransportError
	return errors.As(err, &transport) && !errors.Is(err, context.Canceled) && !isLasting(err)
}

// isLasting reports whether a connection failed for a reason that a retry does not
// change.
func isLasting(err error) bool {
	var dns *net.DNSError
	var proxy *proxyError
	return errors.As(err, &proxy) && proxy.isLasting() || errors.As(err, &dns) && dns.IsNotFound || IsCertificate(err) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// RetryAfter returns how long the server asked to wait, if it did.
func RetryAfter(err error) (time.Duration, bool) {
	var api *APIError
	if !errors.As(err, &api) {
		return 0, false
	}
	return api.retryAfter, api.hasRetryAfter
}

// ServerTime returns the Date of an error response; zero if there is none.
func ServerTime(err error) time.Time {
	var api *APIError
	if !errors.As(err, &api) {
		return time.Time{}
	}
	return api.server
}

// IsRateLimited reports whether the source returned status 429.
func IsRateLimited(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == http.StatusTooManyRequests
}

// parseRetryAfter reads seconds, or an HTTP date, which is compared with server time.
func parseRetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second)), true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if server, err := http.ParseTime(h.Get("Date")); err == nil {
		now = server
	}
	return max(at.Sub(now), 0), true
}

// maxMessageBytes limits how much of the body of an error is quoted.
const maxMessageBytes = 300

// describeBody sets code and message from the body of an error, in any of the known
// forms.
func (e *APIError) describeBody(body []byte) {
	var known struct {
		Error        any `json:"error"`
		ErrorCode    any `json:"error_code"`
		ErrorMessage any `json:"error_message"`
		Message      any `json:"message"`
		Detail       any `json:"detail"`
		Errors       any `json:"errors"`
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return
	}
	if json.Unmarshal(body, &known) != nil {
		e.Message = "the body is not JSON"
		if title, ok := htmlTitle(body); ok {
			e.Message = "a web page: " + title
		}
		return
	}
	e.Code = words(known.ErrorCode)
	for _, said := range []any{known.ErrorMessage, known.Message, known.Error, known.Detail} {
		if e.Message = words(said); e.Message != "" {
			break
		}
	}
	if more := words(known.Errors); more != "" {
		e.Message = shorten(strings.TrimSpace(e.Message + " " + more))
	}
}

// words returns text as it is, and anything else as JSON.
func words(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return shorten(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return shorten(string(text))
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(s, "\uFFFD"))), " ")
	if len(s) <= maxMessageBytes {
		return s
	}
	end := maxMessageBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func htmlTitle(body []byte) (string, bool) {
	lower := bytes.ToLower(body)
	from := bytes.Index(lower, []byte("<title>"))
	if from < 0 {
		return "", false
	}
	from += len("<title>")
	length := bytes.Index(lower[from:], []byte("</title>"))
	if length < 0 || len(lower) != len(body) {
		return "", false
	}
	return shorten(string(body[from : from+length])), true
}

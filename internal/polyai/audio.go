package polyai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Recording names a recording of a conversation.
type Recording struct {
	ProjectID      string // as requested
	ConversationID string
	Direction      string // combined, user or agent
	Redacted       bool
}

// Audio is the response with a recording.
type Audio struct {
	Size   int64         // of the recording in bytes; -1 if the source does not return it
	Body   io.ReadCloser // returns io.EOF only after a complete body, otherwise a [*TransportError]
	Server time.Time     // Date of the response; zero if it has none
}

// ErrBadID is returned for an id that cannot be part of a path. No request is sent.
var ErrBadID = errors.New(`an empty id, "." or ".." cannot be requested: the path would be that of something else`)

var (
	errEncoded = errors.New("the recording is compressed although identity was requested: a proxy may do that")
	errRange   = errors.New("the response is for another range than the one requested")
)

// Audio requests a recording. The caller reads the body as a stream, and closes it.
// An error is [ErrBadID], an [*APIError], a [*TransportError], or comes from
// Options.Key.
func (c *BuildClient) Audio(ctx context.Context, r Recording) (*Audio, error) {
	res, err := c.requestAudio(ctx, http.MethodGet, r, false)
	if err != nil {
		return nil, err
	}
	return &Audio{Size: res.size, Body: res, Server: res.server}, nil
}

// audioResponse is a response to a request for a recording. It reads the body.
type audioResponse struct {
	*http.Response
	size   int64 // of the body; -1: unknown
	server time.Time
	body   *idleReader
	fail   func(error) error
}

func (a *audioResponse) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF itself is the end; a wrapped one is an error
		err = a.fail(err)
	}
	return n, err
}

// Close closes the response.
func (a *audioResponse) Close() error { return a.body.close() }

// requestAudio sends a request for a recording, or for its beginning if ranged.
func (c *BuildClient) requestAudio(ctx context.Context, method string, r Recording, ranged bool) (*audioResponse, error) {
	for _, id := range []string{r.ProjectID, r.ConversationID} {
		if id == "" || id == "." || id == ".." {
			return nil, ErrBadID
		}
	}
	u, err := url.Parse(AudioURL(c.base.String(), r.ProjectID, r.ConversationID, r.Direction, r.Redacted))
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancelCause(ctx)
	res, err := c.withKey(inner, func(key string) (*http.Response, error) { return c.sendAudio(inner, method, u, ranged, key) })
	if err != nil {
		cancel(nil)
		return nil, audioHinted(err, u)
	}
	a := &audioResponse{Response: res, size: res.ContentLength, body: newIdleReader(res.Body, cancel, c.options.Timeouts.Idle)}
	a.body.floor.isRecording = true
	a.server, _ = http.ParseTime(res.Header.Get("Date"))
	a.fail = func(err error) error {
		if cause := a.body.cause(); cause != nil {
			return named(method, &TransportError{Request: c.describe(u), Err: cause})
		}
		return named(method, c.transportError(ctx, u, err))
	}
	return a, nil
}

func (c *BuildClient) sendAudio(ctx context.Context, method string, u *url.URL, ranged bool, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	c.setHeaders(req, key)
	req.Header.Set("Accept", "audio/wav, */*;q=0.5")
	// With another encoding, the size would be unknown and the bytes might differ.
	req.Header.Set("Accept-Encoding", "identity")
	if ranged {
		req.Header.Set("Range", firstBytes)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, named(method, c.transportError(ctx, u, err))
	}
	switch {
	case res.StatusCode == http.StatusOK, ranged && (res.StatusCode == http.StatusPartialContent || isEmptyRange(res)):
	default:
		defer res.Body.Close() //nolint:errcheck // the response is an error already
		return nil, named(method, c.apiError(res, u, key))
	}
	if encoding := res.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		_ = res.Body.Close() // nothing of it is used
		return nil, named(method, &TransportError{Request: c.describe(u), Err: errEncoded})
	}
	return res, nil
}

// audioHinted sets the hint of an error response to a request for a recording.
func audioHinted(err error, u *url.URL) error {
	var api *APIError
	if !errors.As(err, &api) {
		return err
	}
	switch {
	case api.Status == http.StatusUnauthorized, api.Status == http.StatusForbidden:
		api.Hint = "the build host may require a workspace key: check workspace_api_key, that it belongs to the region of " + u.Host +
			", and that it may read recordings"
	case IsNoRecording(err):
		api.Hint = ""
	case api.Status == http.StatusNotFound:
		api.Hint = u.Host + " has no such project or conversation: check region, agents_base_url and the project id"
	case IsRedirect(err):
		api.Hint = "redirects are not followed, because they would send the key to another host: set agents_base_url to the final host"
	}
	return err
}

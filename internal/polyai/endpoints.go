package polyai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// BuildClient asks a build and monitoring host. It is safe for concurrent use.
type BuildClient struct{ *Client }

// NewBuildClient makes a client of a build host, which Options.BaseURL names.
func NewBuildClient(o Options) (*BuildClient, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &BuildClient{c}, nil
}

// Endpoint is where PolyAI sends events to. Its headers may hold secrets, and
// are left out.
type Endpoint struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	URL        string    `json:"url"`
	Enabled    bool      `json:"enabled"`
	EventTypes []string  `json:"event_types"`
	TimeoutMS  int       `json:"timeout_ms"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// NewEndpoint is an endpoint that is to be made.
type NewEndpoint struct {
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	EventTypes []string `json:"event_types"`
	TimeoutMS  int      `json:"timeout_ms"` // 1,000 to 30,000; how long PolyAI waits for an answer
}

// Endpoints lists the account's webhook endpoints.
func (c *BuildClient) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var answer struct {
		Data []Endpoint `json:"data"`
	}
	err := c.call(ctx, http.MethodGet, nil, &answer)
	return answer.Data, err
}

// CreateEndpoint makes an endpoint; its signing secret is told this once.
func (c *BuildClient) CreateEndpoint(ctx context.Context, e NewEndpoint) (made Endpoint, secret string, err error) {
	var answer struct {
		Endpoint
		SigningSecret string `json:"signing_secret"`
	}
	err = c.call(ctx, http.MethodPost, e, &answer)
	if err == nil && answer.SigningSecret == "" {
		err = errors.New("the answer to the new endpoint has no signing secret: rotate it to get one")
	}
	return answer.Endpoint, answer.SigningSecret, err
}

// RotateSecret gives an endpoint a new signing secret, which is told this once.
// The old one is good for nothing from now on.
func (c *BuildClient) RotateSecret(ctx context.Context, id string) (secret string, err error) {
	var answer struct {
		SigningSecret string `json:"signing_secret"`
	}
	err = c.call(ctx, http.MethodPost, nil, &answer, id, "rotate-secret")
	if err == nil && answer.SigningSecret == "" {
		err = errors.New("the answer has no signing secret: rotate it again")
	}
	return answer.SigningSecret, err
}

// DeleteEndpoint deletes an endpoint.
func (c *BuildClient) DeleteEndpoint(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, nil, nil, id)
}

const (
	callPatience   = 30 * time.Second // for a whole call
	maxAnswerBytes = 8 << 20
)

// call asks for something of the endpoints, and decodes the answer.
func (c *BuildClient) call(ctx context.Context, method string, body, answer any, path ...string) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	key, err := c.options.Key(ctx, false)
	if err != nil {
		return err
	}
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	u := c.base.JoinPath(append([]string{"v1", "webhook-endpoints"}, path...)...)
	content := []byte(nil)
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	res, err := c.exchange(ctx, method, u, key, content)
	if err != nil {
		return c.hinted(err, u)
	}
	defer res.Body.Close() //nolint:errcheck // all of it was read, or it is an error already
	if answer == nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return named(method, c.transportError(ctx, u, err))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		// It may hold a secret: nothing of it is told.
		return fmt.Errorf("%s %s: the answer is not as documented", method, u.Redacted())
	}
	return nil
}

// exchange sends a request that may have a body.
func (c *BuildClient) exchange(ctx context.Context, method string, u *url.URL, key string, content []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	c.setHeaders(req, key)
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, named(method, c.transportError(ctx, u, err))
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // the answer is an error already
	return nil, named(method, c.apiError(res, u, key))
}

// named puts the method into an error that says GET, as all other requests are.
func named(method string, err error) error {
	var api *APIError
	var transport *TransportError
	switch {
	case errors.As(err, &api):
		api.Request = method + strings.TrimPrefix(api.Request, http.MethodGet)
	case errors.As(err, &transport):
		transport.Request = method + strings.TrimPrefix(transport.Request, http.MethodGet)
	}
	return err
}

// hinted says what to try about an error of a build host.
func (c *BuildClient) hinted(err error, u *url.URL) error {
	var api *APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		api.Hint = "the build host takes a workspace key, which is not that of the Conversations API: check workspace_api_key, and that it belongs to the region of " + u.Host
	case http.StatusNotFound:
		api.Hint = "there is no such endpoint: `convsync webhooks list` shows those that there are"
	case http.StatusConflict:
		api.Hint = "the account has as many endpoints as it may: delete one that is not needed"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		api.Hint = "the ids of endpoints look like whe_9ZtRcXw3nByK5pVqMaEfJs, and addresses begin with https://"
	}
	return err
}

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

// BuildClient sends requests to a build and monitoring host. It is safe for concurrent
// use.
type BuildClient struct{ *Client }

// NewBuildClient returns a client of the build host in Options.BaseURL.
func NewBuildClient(o Options) (*BuildClient, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &BuildClient{c}, nil
}

// Endpoint is a webhook endpoint, to which PolyAI sends events. Its headers are left
// out, because they may contain secrets.
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

// NewEndpoint describes an endpoint to create.
type NewEndpoint struct {
	Name       string   `json:"name"`
	URL        string   `json:"url"`
	EventTypes []string `json:"event_types"`
	TimeoutMS  int      `json:"timeout_ms"` // how long PolyAI waits for a response; 1,000 to 30,000
}

// Endpoints lists the account's webhook endpoints.
func (c *BuildClient) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var answer struct {
		Data []Endpoint `json:"data"`
	}
	err := c.call(ctx, http.MethodGet, nil, &answer)
	return answer.Data, err
}

// CreateEndpoint creates an endpoint. Its signing secret is returned only here.
func (c *BuildClient) CreateEndpoint(ctx context.Context, e NewEndpoint) (made Endpoint, secret string, err error) {
	var answer struct {
		Endpoint
		SigningSecret string `json:"signing_secret"`
	}
	err = c.call(ctx, http.MethodPost, e, &answer)
	if err == nil && answer.SigningSecret == "" {
		err = errors.New("the endpoint was created, but the response has no signing secret: rotate it to get one")
	}
	return answer.Endpoint, answer.SigningSecret, err
}

// RotateSecret gives an endpoint a new signing secret, which is returned only here. The
// old one is invalidated immediately.
func (c *BuildClient) RotateSecret(ctx context.Context, id string) (secret string, err error) {
	var answer struct {
		SigningSecret string `json:"signing_secret"`
	}
	err = c.call(ctx, http.MethodPost, nil, &answer, id, "rotate-secret")
	if err == nil && answer.SigningSecret == "" {
		err = errors.New("the response has no signing secret: rotate it again")
	}
	return answer.SigningSecret, err
}

// DeleteEndpoint deletes an endpoint.
func (c *BuildClient) DeleteEndpoint(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, nil, nil, id)
}

const (
	callTimeout    = 30 * time.Second // for a complete call
	maxAnswerBytes = 8 << 20
)

// call sends a request about endpoints and decodes the response.
func (c *BuildClient) call(ctx context.Context, method string, body, answer any, path ...string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
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
	defer res.Body.Close() //nolint:errcheck // it was read completely, or there is an error already
	if answer == nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return named(method, c.transportError(ctx, u, err))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		// The response may contain a secret, so the error does not quote it.
		return fmt.Errorf("%s %s: the response does not have the documented form", method, u.Redacted())
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
	res, err := c.do(req)
	if err != nil {
		return nil, named(method, c.transportError(ctx, u, err))
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // the response is an error already
	return nil, named(method, c.apiError(res, u, key))
}

// named replaces GET, the method of all other requests, in the text of an error.
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

// hinted adds a hint to an error of a build host.
func (c *BuildClient) hinted(err error, u *url.URL) error {
	var api *APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		api.Hint = "the build host requires a workspace key, not the key of the Conversations API: check workspace_api_key, and that it belongs to the region of " + u.Host
	case http.StatusNotFound:
		api.Hint = "there is no such endpoint: `convsync webhooks list` lists the existing ones"
	case http.StatusConflict:
		api.Hint = "the account has reached its limit of endpoints: delete one that is not needed"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		api.Hint = "an endpoint id must look like whe_9ZtRcXw3nByK5pVqMaEfJs, and an endpoint URL must begin with https://"
	}
	return err
}

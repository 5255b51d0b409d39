package simulate

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// endpoints are the webhook endpoints of the account, stored in memory. No events
// are sent to them.
type endpoints struct {
	mu   sync.Mutex
	kept []endpoint
}

// endpoint is a webhook endpoint as the API returns it.
type endpoint struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	URL        string            `json:"url"`
	Enabled    bool              `json:"enabled"`
	EventTypes []string          `json:"event_types"`
	Headers    map[string]string `json:"headers"`
	TimeoutMS  int               `json:"timeout_ms"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
	Secret     string            `json:"signing_secret,omitempty"` // only in the response to POST
}

// endpointChange is the body of a request; nil: not given.
type endpointChange struct {
	Name       *string           `json:"name"`
	URL        *string           `json:"url"`
	EventTypes []string          `json:"event_types"`
	Headers    map[string]string `json:"headers"`
	TimeoutMS  *int              `json:"timeout_ms"`
	Enabled    *bool             `json:"enabled"`
}

// mostEndpoints is the limit of endpoints per account. The real one is not known.
const mostEndpoints = 10

var endpointID = regexp.MustCompile(`^whe_[A-Za-z0-9]+$`)

// endpointPath returns the part of a path after that of the endpoints.
func endpointPath(u *url.URL) (rest []string, ok bool) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || parts[0] != "v1" || parts[1] != "webhook-endpoints" {
		return nil, false
	}
	return parts[2:], true
}

func (e *endpoints) answer(w http.ResponseWriter, r *request, path []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case len(path) == 0 && r.Method == http.MethodGet:
		e.list(w, r)
	case len(path) == 0 && r.Method == http.MethodPost:
		e.create(w, r)
	case len(path) == 1 || len(path) == 2 && path[1] == "rotate-secret" && r.Method == http.MethodPost:
		e.answerOne(w, r, path)
	case len(path) == 0:
		fail(w, r.id, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Use GET or POST.")
	default:
		fail(w, r.id, http.StatusNotFound, "NOT_FOUND", "There is nothing at this path.")
	}
}

// answerOne answers a request for one endpoint.
func (e *endpoints) answerOne(w http.ResponseWriter, r *request, path []string) {
	if !endpointID.MatchString(path[0]) {
		fail(w, r.id, http.StatusUnprocessableEntity, "VALIDATION_ERROR", "The endpoint_id must be a prefixed ID.")
		return
	}
	i := slices.IndexFunc(e.kept, func(k endpoint) bool { return k.ID == path[0] })
	if i < 0 {
		fail(w, r.id, http.StatusNotFound, "WEBHOOK_ENDPOINT_NOT_FOUND", "Webhook endpoint not found.")
		return
	}
	switch {
	case len(path) == 2:
		e.kept[i].UpdatedAt = r.now
		reply(w, http.StatusOK, map[string]string{"signing_secret": newSecret()})
	case r.Method == http.MethodGet:
		reply(w, http.StatusOK, e.kept[i])
	case r.Method == http.MethodPatch:
		changed := e.kept[i]
		if changed.change(w, r, false) {
			e.kept[i] = changed
			reply(w, http.StatusOK, changed)
		}
	case r.Method == http.MethodDelete:
		e.kept = slices.Delete(e.kept, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, r.id, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Use GET, PATCH or DELETE.")
	}
}

func (e *endpoints) list(w http.ResponseWriter, r *request) {
	enabled, typ := r.URL.Query().Get("enabled"), r.URL.Query().Get("event_type")
	if enabled != "" && enabled != "true" && enabled != "false" || typ != "" && !knownEvent(typ) {
		fail(w, r.id, http.StatusBadRequest, "BAD_REQUEST", "A filter is not valid.")
		return
	}
	matching := []endpoint{}
	for _, k := range e.kept {
		if (enabled == "" || enabled == strconv.FormatBool(k.Enabled)) && (typ == "" || slices.Contains(k.EventTypes, typ)) {
			matching = append(matching, k)
		}
	}
	reply(w, http.StatusOK, map[string]any{"data": matching})
}

func (e *endpoints) create(w http.ResponseWriter, r *request) {
	made := endpoint{
		ID:        "whe_" + rand.Text(),
		Enabled:   true,
		Headers:   map[string]string{},
		TimeoutMS: 5000,
		CreatedAt: r.now,
	}
	if !made.change(w, r, true) {
		return
	}
	if len(e.kept) >= mostEndpoints {
		fail(w, r.id, http.StatusConflict, "WEBHOOK_ENDPOINT_LIMIT_EXCEEDED", "The maximum number of webhook endpoints is reached.")
		return
	}
	e.kept = append(e.kept, made)
	made.Secret = newSecret()
	reply(w, http.StatusCreated, made)
}

// change applies a request to an endpoint. If the request is invalid, it answers
// with an error.
func (k *endpoint) change(w http.ResponseWriter, r *request, whole bool) bool {
	var c endpointChange
	decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		fail(w, r.id, http.StatusBadRequest, "BAD_REQUEST", "The body is not valid.")
		return false
	}
	if wrong := c.wrong(whole); wrong != "" {
		fail(w, r.id, http.StatusUnprocessableEntity, "VALIDATION_ERROR", wrong)
		return false
	}
	k.Name, k.URL = *cmp.Or(c.Name, &k.Name), *cmp.Or(c.URL, &k.URL)
	k.TimeoutMS, k.Enabled, k.UpdatedAt = *cmp.Or(c.TimeoutMS, &k.TimeoutMS), *cmp.Or(c.Enabled, &k.Enabled), r.now
	if c.EventTypes != nil {
		k.EventTypes = c.EventTypes
	}
	if c.Headers != nil {
		k.Headers = c.Headers
	}
	return true
}

// wrong returns why a change is invalid; "": it is valid.
func (c *endpointChange) wrong(whole bool) string {
	switch {
	case whole && (c.Name == nil || c.URL == nil || c.EventTypes == nil):
		return "name, url and event_types are required."
	case c.Name != nil && (*c.Name == "" || len(*c.Name) > 255):
		return "name must have 1 to 255 characters."
	case c.URL != nil && !strings.HasPrefix(*c.URL, "https://"):
		return "url must begin with https://."
	case c.TimeoutMS != nil && (*c.TimeoutMS < 1000 || *c.TimeoutMS > 30000):
		return "timeout_ms must be between 1000 and 30000."
	case c.EventTypes != nil && len(c.EventTypes) == 0:
		return "event_types must not be empty."
	}
	for _, typ := range c.EventTypes {
		if !knownEvent(typ) {
			return fmt.Sprintf("event_types: %q is not known.", typ)
		}
	}
	return ""
}

func knownEvent(typ string) bool { return typ == "alerts.triggered" || typ == "alerts.resolved" }

// newSecret returns a random secret, since it is used to sign.
func newSecret() string { return "whsec_" + rand.Text() + rand.Text() }

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has disconnected
}

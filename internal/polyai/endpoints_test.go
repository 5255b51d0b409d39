package polyai

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering starts a build host that returns the same response to each request. It also
// returns the list of requests.
func answering(t *testing.T, status int, body string) (*BuildClient, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("X-Api-Key")+" "+r.Header.Get("Content-Type")+" "+string(content))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := NewBuildClient(Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &asked
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	c, asked := answering(t, http.StatusCreated, `{"data":[{"id":"whe_1","enabled":true}],"id":"whe_2","signing_secret":"made-up-secret"}`)
	list, err := c.Endpoints(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != "whe_1" {
		t.Errorf("%+v, %v", list, err)
	}
	made, secret, err := c.CreateEndpoint(t.Context(), NewEndpoint{Name: "n", URL: "https://example.com", EventTypes: []string{"alerts.triggered"}, TimeoutMS: 10_000})
	if err != nil || made.ID != "whe_2" || secret != "made-up-secret" {
		t.Errorf("%+v, %q, %v", made, secret, err)
	}
	if secret, err := c.RotateSecret(t.Context(), "whe_1"); err != nil || secret != "made-up-secret" {
		t.Errorf("%q, %v", secret, err)
	}
	if err := c.DeleteEndpoint(t.Context(), "../x"); err != nil {
		t.Error(err)
	}
	want := []string{
		"GET /v1/webhook-endpoints made-up-key  ",
		`POST /v1/webhook-endpoints made-up-key application/json {"name":"n","url":"https://example.com","event_types":["alerts.triggered"],"timeout_ms":10000}`,
		"POST /v1/webhook-endpoints/whe_1/rotate-secret made-up-key  ",
		"DELETE /v1/webhook-endpoints/..%2Fx made-up-key  ",
	}
	if strings.Join(*asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(*asked, "\n"), strings.Join(want, "\n"))
	}
}

func TestEndpoints_NoSecret(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"signing_secret":["made-up-secret"]}`, `made-up-secret`, ``} {
		c, _ := answering(t, http.StatusOK, body)
		_, _, createErr := c.CreateEndpoint(t.Context(), NewEndpoint{})
		_, rotateErr := c.RotateSecret(t.Context(), "whe_1")
		for _, err := range []error{createErr, rotateErr} {
			if err == nil || strings.Contains(err.Error(), "made-up-secret") {
				t.Errorf("%q: %v", body, err)
			}
		}
	}
}

func TestEndpoints_Errors(t *testing.T) {
	t.Parallel()
	for status, hint := range map[int]string{401: "check workspace_api_key", 403: "check workspace_api_key", 404: "webhooks list", 409: "delete one", 422: "whe_", 302: "redirects are not followed"} {
		c, _ := answering(t, status, `{"error_code":"X_1","error_message":"of made-up-key"}`)
		_, err := c.RotateSecret(t.Context(), "whe_1")
		if err == nil || !strings.HasPrefix(err.Error(), "POST http://") || !strings.Contains(err.Error(), hint) || strings.Contains(err.Error(), "made-up-key") {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, host := range []string{"http://api.uk.poly.ai", "api.uk.poly.ai"} {
		if _, err := NewBuildClient(Options{BaseURL: host}); err == nil {
			t.Errorf("%s was accepted", host)
		}
	}
	if _, err := NewBuildClient(Options{BaseURL: "https://api.uk.poly.ai"}); err != nil {
		t.Error(err)
	}
}

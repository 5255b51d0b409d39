package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// manage sends a request to the webhook endpoints.
func manage(t *testing.T, s *Simulator, method, path, body string, into any) (status int, code string) {
	t.Helper()
	r := httptest.NewRequest(method, "/v1/webhook-endpoints"+path, strings.NewReader(body))
	r.Header.Set("X-Api-Key", "any")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var failed struct {
		Code string `json:"error_code"`
	}
	if w.Code >= 400 {
		into = &failed
	}
	if w.Code != http.StatusNoContent {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code, failed.Code
}

const newEndpoint = `{"name":"made up","url":"https://example.com/x","event_types":["alerts.triggered","alerts.resolved"]}`

func endpointsOnly(t *testing.T) *Simulator {
	t.Helper()
	s, err := New(Options{Projects: []Project{{AccountID: "a", ID: "p", Environments: []Environment{{Name: "live"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := endpointsOnly(t)
	var made, got endpoint
	if status, code := manage(t, s, http.MethodPost, "", newEndpoint, &made); status != 201 || made.Secret == "" || !endpointID.MatchString(made.ID) || !made.Enabled || made.TimeoutMS != 5000 {
		t.Fatalf("%d %s, %+v", status, code, made)
	}
	if status, _ := manage(t, s, http.MethodGet, "/"+made.ID, "", &got); status != 200 || got.Secret != "" || got.URL != made.URL {
		t.Errorf("%d, %+v", status, got)
	}
	var rotated struct {
		Secret string `json:"signing_secret"`
	}
	if status, _ := manage(t, s, http.MethodPost, "/"+made.ID+"/rotate-secret", "", &rotated); status != 200 || rotated.Secret == "" || rotated.Secret == made.Secret {
		t.Errorf("%d, %+v", status, rotated)
	}
	if status, _ := manage(t, s, http.MethodPatch, "/"+made.ID, `{"enabled":false}`, &got); status != 200 || got.Enabled || got.Name != "made up" {
		t.Errorf("%d, %+v", status, got)
	}
	var list struct{ Data []endpoint }
	for query, want := range map[string]int{"": 1, "?enabled=true": 0, "?enabled=false": 1, "?event_type=alerts.resolved": 1} {
		if status, _ := manage(t, s, http.MethodGet, query, "", &list); status != 200 || len(list.Data) != want {
			t.Errorf("%s: %d, %+v", query, status, list)
		}
	}
	if status, _ := manage(t, s, http.MethodDelete, "/"+made.ID, "", nil); status != 204 {
		t.Errorf("%d", status)
	}
	if status, code := manage(t, s, http.MethodGet, "/"+made.ID, "", nil); status != 404 || code != "WEBHOOK_ENDPOINT_NOT_FOUND" {
		t.Errorf("%d %s", status, code)
	}
}

func TestEndpoints_Invalid(t *testing.T) {
	t.Parallel()
	s := endpointsOnly(t)
	for i, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, "", `{"name":"x"}`, 422},
		{http.MethodPost, "", strings.Replace(newEndpoint, "https", "http", 1), 422},
		{http.MethodPost, "", strings.Replace(newEndpoint, "alerts.resolved", "call.completed", 1), 422},
		{http.MethodPost, "", strings.Replace(newEndpoint, "made up", "", 1), 422},
		{http.MethodPost, "", `{"colour":"red"}`, 400},
		{http.MethodPost, "", `nothing`, 400},
		{http.MethodPut, "", newEndpoint, 405},
		{http.MethodGet, "?enabled=perhaps", "", 400},
		{http.MethodGet, "/42", "", 422},
		{http.MethodDelete, "/whe_none", "", 404},
		{http.MethodPost, "/whe_none/rotate-secret", "", 404},
		{http.MethodGet, "/whe_none/rotate-secret", "", 404},
	} {
		if status, code := manage(t, s, c.method, c.path, c.body, nil); status != c.status || code == "" {
			t.Errorf("%d. %s %s %s: %d %s, want %d", i, c.method, c.path, c.body, status, code, c.status)
		}
	}
	for i := range mostEndpoints + 1 {
		want := http.StatusCreated
		if i == mostEndpoints {
			want = http.StatusConflict
		}
		if status, _ := manage(t, s, http.MethodPost, "", newEndpoint, &endpoint{}); status != want {
			t.Errorf("endpoint %d: %d", i, status)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/webhook-endpoints", nil)
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("without a key: %s", fmt.Sprint(w.Code))
	}
}

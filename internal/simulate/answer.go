package simulate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ServeHTTP answers GET /v3/{account}/{project}/conversations.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	count := s.requests.Add(1)
	now := s.now()
	r0 := random(mix(s.o.Seed ^ uint64(count)))
	id := string(appendUUID(nil, r0.next(), r0.next()))
	w.Header().Set("X-PolyAI-Correlation-Id", id)
	w.Header().Set("Date", now.Format(http.TimeFormat))
	w, done := s.interfere(w, r, count, now, id)
	if done {
		return
	}
	s.route(w, r, now, id)
}

func (s *Simulator) route(w http.ResponseWriter, r *http.Request, now time.Time, id string) {
	account, project, ok := listPath(r.URL)
	switch {
	case !ok:
		fail(w, id, http.StatusNotFound, "NOT_FOUND", "There is nothing at this path; the list is at /v3/{account_id}/{project_id}/conversations.")
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		fail(w, id, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Use GET.")
		return
	}
	if key := r.Header.Get("X-Api-Key"); key == "" || s.o.APIKey != "" && key != s.o.APIKey {
		fail(w, id, http.StatusUnauthorized, "UNAUTHORIZED", "The API key is missing or not valid.")
		return
	}
	p := s.project(account, project)
	if p == nil {
		fail(w, id, http.StatusNotFound, "PROJECT_NOT_FOUND", "Project ID does not exist.")
		return
	}
	s.answerList(w, r, p, now, id)
}

// answerList answers a request for the conversations of a project.
func (s *Simulator) answerList(w http.ResponseWriter, r *http.Request, p *Project, now time.Time, id string) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	scope := hashText(hashText(s.o.Seed, p.AccountID), p.ID)
	var q *query
	if err == nil {
		q, err = parseQuery(values, scope, s.o.MaxLimit)
	}
	if err != nil {
		failQuery(w, id, err)
		return
	}
	l := list{query: q, environment: s.environment(p.AccountID, p.ID, q.environment), now: now.UnixMicro(),
		binding: bind(values, scope), overlap: s.o.Deviations.PageOverlap}
	// An error here is a client that left: there is nobody to tell.
	_ = l.send(w, r, s.o.Gzip)
}

func failQuery(w http.ResponseWriter, id string, err error) {
	var b *badQuery
	if !errors.As(err, &b) {
		b = &badQuery{"BAD_REQUEST", "The query string cannot be read."}
	}
	fail(w, id, http.StatusBadRequest, b.code, b.message)
}

// listPath takes account and project out of the path, which may be escaped.
func listPath(u *url.URL) (account, project string, ok bool) {
	parts := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "v3" || parts[4] != "conversations" {
		return "", "", false
	}
	account, err := url.PathUnescape(parts[2])
	if err != nil {
		return "", "", false
	}
	project, err = url.PathUnescape(parts[3])
	return account, project, err == nil
}

// fail answers with the error document of the API.
func fail(w http.ResponseWriter, id string, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text := string(appendQuoted(nil, message))
	fmt.Fprintf(w, `{"success":false,"error":%s,"error_id":%q,"error_code":%q,"error_message":%s,"data":null}`, text, id, code, text)
}

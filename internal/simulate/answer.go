package simulate

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ServeHTTP answers GET /v3/{account}/{project}/conversations, the same path of
// v1 and v2, which page by offset, requests for recordings, and all requests to
// /v1/webhook-endpoints.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	count := s.requests.Add(1)
	audio := parseAudioRequest(hr.URL)
	if audio != nil {
		s.audioCounts.count(hr, audio)
	}
	if !pause(hr, s.o.Faults.Latency) {
		return
	}
	ids := random(mix(s.o.Seed ^ uint64(count)))
	r := &request{
		Request: hr,
		number:  count,
		now:     s.now(),
		id:      string(appendUUID(nil, ids.next(), ids.next())),
		fault:   s.o.Faults.of(count, s.o.Seed),
	}
	w.Header().Set("X-PolyAI-Correlation-Id", r.id)
	w.Header().Set("Date", r.now.Add(s.o.Faults.DateAhead).Format(http.TimeFormat))
	if s.fails(w, r) {
		return
	}
	if rest, ok := endpointPath(r.URL); ok {
		if s.admitKey(w, r, s.o.APIKey) {
			s.endpoints.answer(w, r, rest)
		}
		return
	}
	if audio != nil {
		s.answerAudio(w, r, audio)
		return
	}
	p := s.admit(w, r)
	if p == nil {
		return
	}
	s.answerList(w, r, p)
}

// pause waits. It returns false if the client disconnects.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// admit returns the project of a request. If the request has no access to it, it
// answers with an error and returns nil.
func (s *Simulator) admit(w http.ResponseWriter, r *request) *Project {
	version, account, project, ok := listPath(r.URL)
	switch {
	case !ok:
		fail(w, r.id, http.StatusNotFound, "NOT_FOUND", "There is nothing at this path; the list is at /v3/{account_id}/{project_id}/conversations.")
		return nil
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		fail(w, r.id, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Use GET.")
		return nil
	}
	if !s.admitKey(w, r, s.o.APIKey) {
		return nil
	}
	p := s.project(account, project)
	if p == nil {
		fail(w, r.id, http.StatusNotFound, "PROJECT_NOT_FOUND", "Project ID does not exist.")
	}
	r.version = version
	return p
}

// admitKey reports whether a request has a valid key; want is "" if any is valid. If
// not, it answers with an error.
func (s *Simulator) admitKey(w http.ResponseWriter, r *request, want string) bool {
	key, last := r.Header.Get("X-Api-Key"), s.o.Faults.RevokeKeyAfter
	if key == "" || want != "" && key != want || last > 0 && r.number > last {
		fail(w, r.id, http.StatusUnauthorized, "UNAUTHORIZED", "The API key is missing or not valid.")
		return false
	}
	return true
}

// answerList answers a request for the conversations of a project.
func (s *Simulator) answerList(w http.ResponseWriter, r *request, p *Project) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	scope := hashText(hashText(s.o.Seed, p.AccountID), p.ID)
	var q *query
	if err == nil {
		q, err = parseQuery(values, scope, s.o.MaxLimit)
	}
	if err == nil && r.fault == StaleCursor && values.Get("cursor") != "" {
		err = errStaleCursor
	}
	if err != nil {
		failQuery(w, r.id, err)
		return
	}
	l := list{
		query:       q,
		environment: s.environment(p.AccountID, p.ID, q.environment),
		now:         r.now.UnixMicro(),
		binding:     bind(values, scope),
		overlap:     s.o.Deviations.PageOverlap,
		paging:      s.pagingOf(r.version),
	}
	if s.o.PageRows > 0 {
		q.limit = min(q.limit, s.o.PageRows)
	}
	if s.o.ByteOrderMark {
		l.mark = byteOrderMark
	}
	if l.refuses(w, r.id) {
		return
	}
	l.misbehave(r.fault, values.Get("cursor"), r.number)
	s.send(w, r, &l)
	if r.fault == EraseFirst {
		l.eraseFirst()
	}
}

func failQuery(w http.ResponseWriter, id string, err error) {
	var b *badQuery
	if !errors.As(err, &b) {
		b = &badQuery{"BAD_REQUEST", "The query string cannot be read."}
	}
	fail(w, id, http.StatusBadRequest, b.code, b.message)
}

// listPath returns the version, account and project in a path, which may be escaped.
func listPath(u *url.URL) (version, account, project string, ok bool) {
	parts := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	if len(parts) != 5 || parts[0] != "" || !slices.Contains([]string{"v1", "v2", "v3"}, parts[1]) || parts[4] != "conversations" {
		return "", "", "", false
	}
	account, err := url.PathUnescape(parts[2])
	if err != nil {
		return "", "", "", false
	}
	project, err = url.PathUnescape(parts[3])
	return parts[1], account, project, err == nil
}

// fail answers with the error document of the API.
func fail(w http.ResponseWriter, id string, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text := string(appendQuoted(nil, message))
	fmt.Fprintf(w, `{"success":false,"error":%s,"error_id":%q,"error_code":%q,"error_message":%s,"data":null}`, text, id, code, text)
}

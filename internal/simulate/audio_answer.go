package simulate

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// audioRequest is a request for a recording.
type audioRequest struct {
	project, id string
	direction   string
	redacted    bool
	valid       bool // direction and redacted
	number      int  // of the requests for this recording, from 1
}

func (a *audioRequest) hash() uint64 {
	h := hashText(hashText(hashText(0, a.project), a.id), a.direction)
	return hashText(h, strconv.FormatBool(a.redacted))
}

// parseAudioRequest reads /v1/agents/{project}/conversations/{id}/audio; nil for
// another path.
func parseAudioRequest(u *url.URL) *audioRequest {
	parts := strings.Split(u.EscapedPath(), "/")
	if len(parts) != 7 || parts[1] != "v1" || parts[2] != "agents" || parts[4] != "conversations" || parts[6] != "audio" {
		return nil
	}
	project, err1 := url.PathUnescape(parts[3])
	id, err2 := url.PathUnescape(parts[5])
	query, err3 := url.ParseQuery(u.RawQuery)
	if err1 != nil || err2 != nil {
		return nil
	}
	a := &audioRequest{project: project, id: id, direction: cmp.Or(query.Get("direction"), "combined")}
	redacted := cmp.Or(query.Get("redacted"), "false")
	a.redacted = redacted == "true"
	a.valid = err3 == nil && slices.Contains([]string{"true", "false"}, redacted) && slices.Contains([]string{"combined", "user", "agent"}, a.direction)
	return a
}

// count counts a request and numbers it.
func (c *audioCounts) count(hr *http.Request, a *audioRequest) {
	switch {
	case hr.Method == http.MethodHead:
		c.head.Add(1)
	case hr.Method == http.MethodGet && hr.Header.Get("Range") != "":
		c.ranged.Add(1)
	default:
		c.whole.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[uint64]int{}
	}
	key := a.hash()
	c.of[key]++
	a.number = c.of[key]
}

// answerAudio answers a request for a recording.
func (s *Simulator) answerAudio(w http.ResponseWriter, r *request, a *audioRequest) {
	o := &s.o.Audio
	if allowed := o.methods(); !slices.Contains(allowed, r.Method) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		fail(w, r.id, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Use "+strings.Join(allowed, " or ")+".")
		return
	}
	if !s.admitKey(w, r, cmp.Or(o.APIKey, s.o.APIKey)) {
		return
	}
	if !slices.ContainsFunc(s.environments, func(e *environment) bool { return is(a.project, e.project.ID, e.project.Alias) }) {
		fail(w, r.id, http.StatusNotFound, "PROJECT_NOT_FOUND", "Project ID does not exist.")
		return
	}
	if !a.valid {
		fail(w, r.id, http.StatusBadRequest, "BAD_REQUEST", "direction must be combined, user or agent, and redacted true or false.")
		return
	}
	e, h := s.recorded(a.project, a.id, r.now.UnixMicro())
	if e == nil {
		failNoRecording(w, r)
		return
	}
	recording := o.recording(&h, a.id, a.direction, a.redacted)
	if o.Times > 0 && a.number > o.Times && !recording.Fault.lasts() {
		recording.Fault = ""
	}
	if r.now.Before(recording.From) {
		failNoRecording(w, r)
		return
	}
	s.sendAudio(w, r, recording)
}

func (a *Audio) methods() []string {
	if a.NoHead {
		return []string{http.MethodGet}
	}
	return []string{http.MethodGet, http.MethodHead}
}

func failNoRecording(w http.ResponseWriter, r *request) {
	fail(w, r.id, http.StatusNotFound, "CONVERSATIONS_RECORDING_NOT_FOUND", "Recording not found for the given conversation.")
}

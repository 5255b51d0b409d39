package simulate

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"
)

// sendAudio sends a recording, or what its fault makes of it.
func (s *Simulator) sendAudio(w http.ResponseWriter, r *request, recording *Recording) {
	switch recording.Fault {
	case AudioMissing:
		failNoRecording(w, r)
	case AudioForbidden:
		fail(w, r.id, http.StatusForbidden, "FORBIDDEN", "The API key has no permission for this recording.")
	case AudioRedirect:
		w.Header().Set("Location", "https://example.com/made-up.wav")
		w.WriteHeader(http.StatusFound)
	case AudioHTML:
		sendInstead(w, "text/html", "<!DOCTYPE html>\n<html><head><title>Made up</title></head><body><h1>Please log in</h1></body></html>\n")
	case AudioJSON:
		sendInstead(w, "application/json", `{"success":false,"error":"made up","error_code":"MADE_UP","error_message":"made up","data":null}`)
	case AudioEmpty:
		sendInstead(w, "audio/wav", "")
	case AudioNotWAV:
		sendInstead(w, "audio/wav", "made-up bytes that are neither a WAV file nor HTML nor JSON")
	default:
		s.sendWave(w, r, recording)
	}
}

func sendInstead(w http.ResponseWriter, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body) // the client has disconnected
}

// sendWave sends the file, or the part of it that the faults of the request and of
// the recording permit.
func (s *Simulator) sendWave(w http.ResponseWriter, r *request, recording *Recording) {
	o := &s.o.Audio
	if r.fault == DripBody && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "audio/wav")
		drip(w, r)
		return
	}
	w = s.spoilAudio(w, r, recording)
	w.Header().Set("Content-Type", "audio/wav")
	if !o.NoRange && !o.NoLength {
		http.ServeContent(w, r.Request, "", time.Time{}, recording.Open())
		return
	}
	if !o.NoLength {
		w.Header().Set("Content-Length", strconv.FormatInt(recording.Bytes, 10))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.Copy(w, recording.Open())       // an error ends the body early, as intended, or the client has disconnected
	_ = http.NewResponseController(w).Flush() // without it, a short body gets a Content-Length
}

// spoilAudio wraps w according to the faults of the request and of the recording.
func (s *Simulator) spoilAudio(w http.ResponseWriter, r *request, recording *Recording) http.ResponseWriter {
	switch r.fault {
	case CutBody, StallBody, Reset:
		b := &body{
			dst:   w,
			flush: func() { _ = http.NewResponseController(w).Flush() },
			left:  s.o.Faults.afterBytes(),
			then:  interruption(w, r),
		}
		return &spoiled{ResponseWriter: w, to: b}
	}
	switch recording.Fault {
	case AudioTruncated:
		return &spoiled{ResponseWriter: w, begin: func(p *spoiled, size int64) {
			p.to = &body{dst: w, left: int(size / 2), then: func(*body) error { return s.breakOff(w) }}
		}, size: recording.Bytes}
	case AudioWrongLength:
		return &spoiled{ResponseWriter: w, to: w, begin: func(_ *spoiled, size int64) {
			w.Header().Set("Content-Length", strconv.FormatInt(size+1000, 10))
		}}
	case AudioSlow:
		return &spoiled{ResponseWriter: w, begin: func(p *spoiled, size int64) {
			p.to = &slow{w: w, r: r, size: size, total: cmp.Or(s.o.Audio.SlowFor, 2*time.Second)}
		}, size: recording.Bytes}
	}
	return w
}

// breakOff ends a body. The server closes the connection of a body that is shorter
// than its Content-Length; without that header, this does.
func (s *Simulator) breakOff(w http.ResponseWriter) error {
	if s.o.Audio.NoLength {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	return errCut
}

// spoiled is a response whose body goes through a writer.
type spoiled struct {
	http.ResponseWriter
	to    io.Writer
	begin func(*spoiled, int64) // called with the size of the body before the first byte; nil: nothing
	size  int64                 // of the body if there is no Content-Length
}

func (p *spoiled) WriteHeader(status int) {
	if p.begin != nil {
		size, err := strconv.ParseInt(p.Header().Get("Content-Length"), 10, 64)
		if err != nil {
			size = p.size
		}
		p.begin(p, size)
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *spoiled) Write(b []byte) (int, error) { return p.to.Write(b) }

// Unwrap is for [http.ResponseController].
func (p *spoiled) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// slow spreads a body evenly over a duration, in ten parts.
type slow struct {
	w     http.ResponseWriter
	r     *request
	size  int64
	total time.Duration
}

func (s *slow) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		part := p[n:min(int64(len(p)), int64(n)+s.size/10+1)]
		if !pause(s.r.Request, time.Duration(float64(s.total)*float64(len(part))/float64(s.size))) {
			return n, errCut
		}
		m, err := s.w.Write(part)
		if n += m; err != nil {
			return n, err
		}
		_ = http.NewResponseController(s.w).Flush() // a disconnected client is detected above
	}
	return n, nil
}

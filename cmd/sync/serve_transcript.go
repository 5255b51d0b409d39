package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/answer"
	"convsync/internal/transcript"
)

const (
	// transcriptsAtOnce is the number of conversations that serve reads at a time.
	transcriptsAtOnce = 2
	// servedTranscriptTimeout is shorter than the write timeout of the server.
	servedTranscriptTimeout = 20 * time.Second
)

// transcripts handles requests for a conversation. Each one has a connection of its own.
func (s *service) transcripts() http.Handler {
	permits := semaphore.NewWeighted(transcriptsAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, project := strings.TrimSpace(r.FormValue("id")), r.FormValue("project") // a pasted id may have spaces
		if id == "" {
			http.Error(w, "The parameter id is missing: the id of a conversation.", http.StatusBadRequest)
			return
		}
		if err := cmp.Or(answer.CheckText("The parameter id", id), answer.CheckText("The parameter project", project)); err != nil {
			http.Error(w, err.Error()+".", http.StatusBadRequest)
			return
		}
		ctx, stop := context.WithTimeout(r.Context(), servedTranscriptTimeout)
		defer stop()
		if permits.Acquire(ctx, 1) != nil {
			http.Error(w, "Other transcripts are being read: try again.", http.StatusServiceUnavailable)
			return
		}
		defer permits.Release(1)
		found, err := s.findTranscript(ctx, id, project)
		var page bytes.Buffer
		if err == nil {
			err = found.WriteHTML(&page)
		}
		if err != nil {
			s.refuseTranscript(w, err)
			return
		}
		s.log.Info("showed a transcript", "project", found.ProjectID, "conversation", found.ConversationID)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src "+transcript.StyleSource()+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = page.WriteTo(w) // the client may have disconnected
	})
}

func (s *service) findTranscript(ctx context.Context, id, project string) (*transcript.Transcript, error) {
	source, err := openSourceOf(ctx, s.app, s.cfg, servedTranscriptTimeout)
	if err != nil {
		return nil, err
	}
	defer source.Close() //nolint:errcheck // nothing is written
	found, err := transcript.Find(ctx, source, id, project)
	return found, explainNotFound(ctx, source, project, err)
}

// refuseTranscript responds with the reason for which there is no transcript.
func (s *service) refuseTranscript(w http.ResponseWriter, err error) {
	var missing *transcript.NotFoundError
	var ambiguous *transcript.AmbiguousError
	switch {
	case errors.As(err, &missing):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.As(err, &ambiguous):
		http.Error(w, ambiguous.Error()+"; add &project= and one of them to the address", http.StatusConflict)
	default:
		s.log.Error("cannot read a transcript", "error", err)
		http.Error(w, "The transcript cannot be read; the log has the reason.", http.StatusServiceUnavailable)
	}
}

package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// codeNoRecording is the error code of a conversation without a recording.
const codeNoRecording = "CONVERSATIONS_RECORDING_NOT_FOUND"

// IsNoRecording reports whether the source returned that there is no recording. A 404
// without this code, such as any 404 to a HEAD request, may have another reason.
func IsNoRecording(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == http.StatusNotFound && api.Code == codeNoRecording
}

// IsRedirect reports whether the source answered with a redirect, which is not
// followed.
func IsRedirect(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status >= 300 && api.Status < 400
}

// AudioReason returns the reason for which a recording could not be read or probed as
// one word for a column, such as short_body or status_503. It is "" for nil, for a
// canceled context, and for errors that are not about a recording, such as those of
// Options.Key.
func AudioReason(err error) string {
	var api *APIError
	var transport *TransportError
	switch {
	case errors.Is(err, ErrBadID):
		return "bad_id"
	case IsNoRecording(err):
		return "no_recording"
	case IsRedirect(err):
		return "redirect"
	case errors.As(err, &api):
		return fmt.Sprintf("status_%d", api.Status)
	case !errors.As(err, &transport), errors.Is(err, context.Canceled):
		return ""
	}
	return transportReason(err)
}

func transportReason(err error) string {
	switch {
	case errors.Is(err, errEncoded):
		return "encoded"
	case errors.Is(err, errRange):
		return "range"
	case errors.Is(err, errStalled):
		return "stalled"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "short_body"
	case IsUnreachable(err):
		return "unreachable"
	case isTimeout(err):
		return "timeout"
	}
	return "connection"
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/polyai"
)

// The codes of a [Failure]. They are part of the JSON output and are never renamed.
const (
	CodeKeyRefused        = "key_refused"
	CodeKeyUnavailable    = "key_unavailable" // the key cannot be read from its configured place
	CodeNotFound          = "not_found"
	CodeRateLimited       = "rate_limited"
	CodeSourceError       = "source_error" // any other error status
	CodeSourceUnreachable = "source_unreachable"
	CodeMissingInSource   = "needs_confirmation" // many conversations are no longer listed
	CodeProjectMoved      = "project_mismatch"   // the destination has the project with another account, region or id
	CodeDestination       = "destination"
	CodeLocked            = "locked"
	CodeInterrupted       = "interrupted"
	CodeRejects           = "rejects"
	CodePanic             = "internal"
	CodeOther             = "failed"
)

// Failure is the reason why a feed or a run failed, as in the JSON output.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"` // one line
	Hint    string `json:"hint"`    // what to do
}

// FeedError is the error of a feed. Its text begins with the feed and a short
// reason. It is stored in sync_runs.
type FeedError struct {
	load.Feed
	Err error
}

func (e *FeedError) Error() string {
	text := feedPrefix(e.Feed)
	if reason := shortReason(e.Err); reason != "" {
		text += reason + ": "
	}
	return text + e.Err.Error()
}

func (e *FeedError) Unwrap() error { return e.Err }

func feedPrefix(f load.Feed) string {
	return fmt.Sprintf("project %s (%s): ", f.ProjectID, f.Environment)
}

// FeedFailure returns the failure of a feed from the errors of a run that are
// stored in sync_runs: its first line, without the name of the feed.
func FeedFailure(stored string, f load.Feed) (why string, found bool) {
	for line := range strings.Lines(stored) {
		if why, found = strings.CutPrefix(strings.TrimSpace(line), feedPrefix(f)); found {
			return why, true
		}
	}
	return "", false
}

// Brief returns the beginning of an error, for a headline: its short reason if it
// begins with one, otherwise its first 80 characters.
func Brief(why string) string {
	const longest = 80
	if reason, _, ok := strings.Cut(why, ": "); ok && len(reason) <= longest && !strings.Contains(reason, "/") {
		return reason
	}
	why, _, _ = strings.Cut(strings.TrimSpace(why), "\n")
	if runes := []rune(why); len(runes) > longest {
		return strings.TrimSpace(string(runes[:longest])) + "…"
	}
	return strings.TrimSuffix(why, ".")
}

// NeedsConfirmation reports whether a stored failure means that a user has to
// confirm missing conversations. Such a feed is read nevertheless.
func NeedsConfirmation(why string) bool { return strings.HasPrefix(why, reasonConfirm+": ") }

const reasonConfirm = "many conversations are missing at the source"

// refusedError is the reason why a feed was not read: [Feed.Refused].
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// doubtError is the reason why a user has to confirm missing conversations.
type doubtError struct{ text string }

func (e *doubtError) Error() string { return e.text }

// shortReason returns a short reason for an error; "" if the text of the error is
// clear enough.
func shortReason(err error) string {
	var api *polyai.APIError
	var transport *polyai.TransportError
	var doubt *doubtError
	var refused *refusedError
	switch {
	case isMisplaced(err):
		return "the destination knows this project as another one"
	case errors.As(err, &refused):
		return "its key cannot be read"
	case errors.As(err, &api) && polyai.IsAuth(err):
		return fmt.Sprintf("the source refused the key (%d)", api.Status)
	case api != nil && api.Status == http.StatusNotFound:
		return "unknown to the source (404)"
	case api != nil && api.Status == http.StatusTooManyRequests:
		return "the source limits requests (429)"
	case api != nil:
		return strings.TrimSpace(fmt.Sprintf("the source answered %d %s", api.Status, http.StatusText(api.Status)))
	case errors.As(err, &transport):
		return unreachable(err)
	case errors.As(err, &doubt):
		return reasonConfirm
	}
	return ""
}

func unreachable(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the source refused the connection"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the source's host name was not found"
	case errors.As(err, &dns):
		return "the source's host name could not be looked up"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no route to the source"
	case polyai.IsCertificate(err):
		return "the source's certificate is not trusted"
	case polyai.IsTLS(err):
		return "no TLS connection to the source was possible"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "the source did not answer in time"
	}
	return "the source gave no complete answer"
}

// FailureOf returns the failure for an error; nil if err is nil.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{Code: codeOf(err), Message: oneLine(err.Error())}
	f.Hint = hints[f.Code]
	if hint := ownHint(err); hint != "" {
		f.Hint = hint
		f.Message = strings.TrimSuffix(f.Message, "; "+hint)
	}
	return f
}

// ownHint returns the hint that an error contains, or "".
func ownHint(err error) string {
	var api *polyai.APIError
	var transport *polyai.TransportError
	var state *load.StateError
	switch {
	case errors.As(err, &api):
		return api.Hint
	case errors.As(err, &transport):
		return transport.Hint
	case errors.As(err, &state):
		return state.Hint
	}
	return ""
}

func codeOf(err error) string {
	var api *polyai.APIError
	var transport *polyai.TransportError
	var locked *load.LockedError
	var caught *panics.Error
	var doubt *doubtError
	var refused *refusedError
	switch {
	case errors.As(err, &locked), errors.Is(err, load.ErrLockLost):
		return CodeLocked
	case IsDestination(err):
		return CodeDestination
	case isMisplaced(err):
		return CodeProjectMoved
	case errors.As(err, &refused):
		return CodeKeyUnavailable
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	case errors.As(err, &caught):
		return CodePanic
	case errors.As(err, &api):
		return apiCode(api, polyai.IsAuth(err))
	case errors.As(err, &transport):
		return CodeSourceUnreachable
	case errors.As(err, &doubt):
		return CodeMissingInSource
	}
	return CodeOther
}

func apiCode(api *polyai.APIError, refused bool) string {
	switch {
	case refused:
		return CodeKeyRefused
	case api.Status == http.StatusNotFound:
		return CodeNotFound
	case api.Status == http.StatusTooManyRequests:
		return CodeRateLimited
	}
	return CodeSourceError
}

// hints says what to do, by code.
var hints = map[string]string{
	CodeKeyRefused:        "check that the key is of this project, account and region; `convsync check` tries it",
	CodeKeyUnavailable:    "check where the configuration says that the key is; `convsync check` tries it",
	CodeNotFound:          "check account_id, the project's id and the region; `convsync check` tries them",
	CodeRateLimited:       "lower max_requests_per_second, or find out what else uses the key; the next run continues",
	CodeSourceError:       "the next run tries again; if the error persists, report it to PolyAI with the correlation id",
	CodeSourceUnreachable: "check the network, the proxy and base_url; `convsync check` tries each step; the next run tries again",
	CodeMissingInSource:   "check that the key may still read all of the project, then confirm with `convsync verify --repair`",
	CodeProjectMoved:      "check the project's id and account in the configuration",
	CodeDestination:       "check that the destination runs, has room and accepts writes; `convsync check` tries each step",
	CodeLocked:            "wait until the other run ends, or use --when-locked wait",
	CodeInterrupted:       "run it again: it continues from what was stored",
	CodeRejects:           "the table rejects has the reasons; after an update, `convsync replay` reads them again",
	CodePanic:             "this is a bug: report it with the log",
	CodeOther:             "`convsync check` tries each step and says what is wrong",
}

// oneLine joins the lines of an error.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

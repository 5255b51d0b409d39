package serve

import (
	"net/http"
	"strings"

	"convsync/docs"
)

// The runbooks that problems link to.
const (
	runbookRunsFail       = "ConvsyncRunsFail"
	runbookRunsArePartial = "ConvsyncRunsArePartial"
	runbookDataIsOld      = "ConvsyncDataIsOld"
	runbookDestination    = "ConvsyncDestinationIsAway"
	runbookRunStalls      = "ConvsyncRunStalls"
	runbookRejects        = "ConvsyncRejects"
	runbookMissing        = "ConvsyncConversationsVanish"
	runbookLate           = "ConvsyncLatecomersNearLookback"
	runbookRecordingStore = "ConvsyncRecordingsStoreUnavailable"
)

// serveRunbook serves a runbook as Markdown.
func serveRunbook(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), ".md")
	text, err := docs.Runbooks.ReadFile("runbooks/" + name + ".md")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text) // the client may have disconnected
}

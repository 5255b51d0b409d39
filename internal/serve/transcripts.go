package serve

import "net/http"

// hasTranscripts reports whether there is a page for a conversation.
func (o *Options) hasTranscripts() bool { return o.Transcripts != nil && o.guarded() }

// transcripts returns the handler of conversations. Without a login, any user of this
// machine could read them.
func (o *Options) transcripts() http.Handler {
	switch {
	case o.Transcripts == nil:
		return http.NotFoundHandler()
	case !o.guarded():
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Transcripts are shown only if this page requires a login: set serve.token, or serve.user and serve.password. "+
				"On the command line, use convsync transcript.", http.StatusForbidden)
		})
	}
	return o.Transcripts
}

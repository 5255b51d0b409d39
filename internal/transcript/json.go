package transcript

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the transcript as an object.
func (t *Transcript) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

package polyai

import (
	"cmp"
	"fmt"
	"strings"
)

// refusal is an error in a page with status 200. A page without conversations that has
// "success": false or an error is not an empty page: its time range must not count as
// read.
type refusal struct {
	failed, succeeded   bool // from "success"
	answered            bool // the page has conversations
	code, message, text string
}

// take reads a member of the page.
func (r *refusal) take(name string, v Value) {
	switch name {
	case "success":
		r.failed = v.Kind() == Bool && v.Text() == "false"
		r.succeeded = v.Kind() == Bool && !r.failed
	case "error_code":
		r.code = saidIn(v)
	case "error_message":
		r.message = saidIn(v)
	case "error":
		r.text = saidIn(v)
	}
}

func saidIn(v Value) string {
	if v.Kind() != String {
		return ""
	}
	return shorten(v.Text())
}

func (r *refusal) err() error {
	said := strings.TrimPrefix(r.code+": "+cmp.Or(r.message, r.text), ": ")
	if r.answered || r.succeeded || !r.failed && said == "" {
		return nil
	}
	return fmt.Errorf("answered 200 with an error and no conversations: %s", cmp.Or(strings.TrimSuffix(said, ": "), "without a reason"))
}

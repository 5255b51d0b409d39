package polyai

import (
	"cmp"
	"fmt"
	"strings"
)

// refusal is what a page with status 200 says about a failure of the source. A
// page without conversations that says "success": false is not an empty page:
// its time range must not count as read.
type refusal struct {
	failed, answered    bool // it says so; it has conversations all the same
	code, message, text string
}

// take takes in a member of the page.
func (r *refusal) take(name string, v Value) {
	switch name {
	case "success":
		r.failed = v.Kind() == Bool && v.Text() == "false"
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
	if !r.failed || r.answered {
		return nil
	}
	said := strings.TrimPrefix(r.code+": "+cmp.Or(r.message, r.text), ": ")
	return fmt.Errorf(`answered 200 with "success": false and no conversations: %s`, cmp.Or(strings.TrimSuffix(said, ": "), "no reason is given"))
}

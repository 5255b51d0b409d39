package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is a problem of the configuration, worded for its author. Errors of
// [Load] contain one or more, found with [errors.As].
type Problem struct {
	File         string // "" when no file is involved
	Line, Column int    // from 1; 0: the file as a whole
	Key          string // path of the key, or name of the variable; may be ""
	Text         string // what was wrong; what was expected; how to fix it
}

func (p *Problem) Error() string {
	var b strings.Builder
	switch {
	case p.File == "" && p.Key == "": // there is no configuration at all
		return p.Text
	case p.File == "":
		b.WriteString("environment")
	case p.Line == 0:
		b.WriteString(p.File)
	default:
		fmt.Fprintf(&b, "%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.Text
}

// place is the position of a key in the file.
type place struct{ line, column int }

// report collects problems, and has the position of each key.
type report struct {
	file   string
	places map[string]place  // by path of the key; of a file
	names  map[string]string // variable by path of the key; without a file
	raw    map[string]string // values as written, by path, of keys with variables
	found  []*Problem
}

// given reports whether the key is in the file.
func (r *report) given(path string) bool {
	_, inFile := r.places[path]
	return inFile
}

// add reports one problem of a key. Only the first of a key is kept: the rest
// follow from it.
func (r *report) add(path, format string, args ...any) {
	p := &Problem{File: r.file, Key: path, Text: fmt.Sprintf(format, args...)}
	if name, ok := r.names[path]; ok {
		p.Key = name
	}
	at, ok := r.places[path]
	for parent := path; !ok && r.file != ""; at, ok = r.places[parent] {
		if parent == "" {
			at = place{1, 1}
			break
		}
		parent = parentOf(parent)
	}
	p.Line, p.Column = at.line, at.column
	for _, q := range r.found {
		if q.Key == p.Key && q.Line == p.Line && q.Column == p.Column {
			return
		}
	}
	r.found = append(r.found, p)
}

// show returns a value for a message: never the value of a variable, and
// nothing that looks like a secret.
func (r *report) show(path, value string) string {
	if raw, ok := r.raw[path]; ok {
		return quoteVariable(raw)
	}
	return quotePlain(value)
}

// reported reports whether a problem of the key was found.
func (r *report) reported(path string) bool {
	return slices.ContainsFunc(r.found, func(p *Problem) bool { return p.Key == path })
}

// parentOf cuts the last step off: a.b[0] becomes a.b, a.b becomes a, a becomes "".
func parentOf(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// err joins the problems in the order of the file; nil when there are none.
func (r *report) err() error {
	slices.SortStableFunc(r.found, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var errs []error
	for _, p := range r.found {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

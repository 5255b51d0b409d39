package config

import (
	"fmt"
	"strings"
)

// orNoKey is a lookup that finds every variable.
func orNoKey(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, set := lookup(name); set && value != "" {
			return value, true
		}
		return noKey, true
	}
}

// expand replaces ${NAME} and ${NAME:-default} by the environment's values, and
// $$ by $. It works on one scalar after parsing, so that no value can change
// the structure of the file. As in a shell, the default replaces a variable
// that is unset or empty. Any other use of $ is an error: usually it is a
// ${NAME} without its braces.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
			continue
		case !strings.HasPrefix(after, "{"):
			return "", fmt.Errorf("contains a $ that is not part of a ${NAME}; write ${NAME} for a variable, or $$ for a literal $")
		}
		inner, rest, closed := strings.Cut(after[1:], "}")
		if !closed {
			return "", fmt.Errorf("contains a ${ without a closing }; write ${NAME} or ${NAME:-default}, or $${ for a literal ${")
		}
		name, fallback, hasFallback := strings.Cut(inner, ":-")
		if !IsVariableName(name) {
			return "", fmt.Errorf("contains a ${…} without the name of a variable; write ${NAME} or ${NAME:-default}, with letters, digits and _ in NAME")
		}
		value, set := lookup(name)
		if hasFallback && (!set || value == "") {
			value, set = fallback, true
		}
		if !set && !looksLikeVariable(name) {
			return "", fmt.Errorf("needs a variable that is not set; write the name of a variable between ${ and }, such as ${POLYAI_API_KEY}, not its value")
		}
		if !set {
			return "", fmt.Errorf("needs the variable %s, which is not set; set it (export %s=…) or give a default (${%s:-…})", name, name, name)
		}
		b.WriteString(value)
		text = rest
	}
}

// IsVariableName reports whether ${NAME} may contain the name.
func IsVariableName(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

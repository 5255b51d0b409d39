// Package escape makes text from outside safe to print on a terminal. Its control
// characters are written as escapes of JSON: a terminal would obey them, and they can
// hide lines, change the title or write to the clipboard.
//
// It must not know where the text comes from.
package escape

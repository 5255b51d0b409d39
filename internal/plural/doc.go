// Package plural writes counts for people: on the terminal, on the status page and in
// messages.
package plural

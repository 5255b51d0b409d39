// Package plural writes counts and sizes for people: on the terminal, on the status page and in
// messages.
package plural

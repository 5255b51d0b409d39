// Package spelling compares words, to suggest what a misspelled one was meant to be.
package spelling

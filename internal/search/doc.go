// Package search finds conversations by words that were said in them, in a lake and in
// Postgres alike. A turn matches if it has all of the words. Both destinations cut text
// into words by the same rule and compute the same rank, so that they return the same
// conversations in the same order.
//
// The package must not know a concrete destination: it reads through an
// [answer.Source].
package search

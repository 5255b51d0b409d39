// Package ratelimit limits the requests that use one API key: their rate, their
// number in flight, and the pauses that the source asks for.
//
// A [Budget] learns the rate that the source accepts, and serves projects in turn.
// It never starts more requests in a second than its rate, and none before a pause
// ends. What it has learned stays valid for as long as the key is used, so several
// runs can share a budget. A [Lane] has a fixed share of it, for work that must not
// delay runs.
//
// The package does not depend on HTTP, retries or runs: callers classify the result
// of each request, and decide when to give up.
package ratelimit

// Package loopback tells addresses of this machine from others, for the rules that
// depend on it: a key over plain HTTP, a page without a password.
package loopback

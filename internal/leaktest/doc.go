// Package leaktest holds that the tests of a package leave no goroutine behind.
//
// The package must not know any other of this project.
package leaktest

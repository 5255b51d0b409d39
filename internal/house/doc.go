// Package house checks the code against the rules of the project: which package
// may import which, where each library may be used, and what is not allowed in any
// file. It consists of tests only, and imports no other package of the project.
//
// A new package gets a row in the table of rules_test.go, which decides what it may
// import. CONTRIBUTING.md has the reasons.
package house

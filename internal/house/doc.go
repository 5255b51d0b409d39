// Package house holds the rules of the house against the code: who may import
// whom, where each library may be used, and what no file may do. It consists of
// tests alone, and knows every package by its path only.
//
// A new package gets a row in the table of rules_test.go, and with it a decision on
// what it may know. CONTRIBUTING.md says why.
package house

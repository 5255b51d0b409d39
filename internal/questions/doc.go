// Package questions has the saved questions of `convsync query`: each is a file
// sql/NAME.sql whose header comment has a title, a description and the parameters
// with their defaults.
//
// A question has one SQL text for both destinations, and gives the same answer from
// both. It reads the views for analysts and defines no figure again. The package
// reads a destination only through [answer.Source], and does not know where
// answers are printed.
package questions

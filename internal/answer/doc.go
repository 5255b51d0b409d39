// Package answer defines what a question to a warehouse is and what its answer
// looks like: statements, columns, rows, errors of SQL, and writers that print
// rows as a table, CSV, JSON lines or Markdown.
//
// Both destinations return the same types and Go values for the same columns, so
// that their output is equal. The package reads SQL only as far as it must:
// to find parameters, the end of a statement, and names. It does not know
// any database, nor the tables of this project.
package answer

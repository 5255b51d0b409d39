// Package derived makes the committed files that follow from the declarations in
// warehouse: the models of the dbt package in dbt/, their properties and tests, and the
// entity-relationship diagram docs/analysts/erd.md. `make docs` writes them, and a test
// fails if they are not current.
//
// It defines no figure and no column: the SQL of a model is that of the view of the same
// name. It must not depend on a destination.
package derived

//go:build !cgo

package bench

import "errors"

func duckdbHelper([]string) error { return errors.New("DuckDB needs cgo: set CGO_ENABLED=1") }

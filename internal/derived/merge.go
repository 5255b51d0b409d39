package derived

import (
	"slices"
	"strings"
)

// The branches of a model: dbt-postgres, otherwise dbt-duckdb.
const (
	ifPostgres = "{% if target.type == 'postgres' %}"
	ifDuckDB   = "{% if target.type == 'duckdb' %}"
	orDuckDB   = "{% else %}"
	endIf      = "{% endif %}"
)

// merge returns a template of Jinja with the SQL of both engines. It has the lines that
// they have in common once.
func merge(postgres, duckdb string) string {
	a, b := strings.Split(postgres, "\n"), strings.Split(duckdb, "\n")
	var lines []string
	i, j := 0, 0
	for _, same := range append(commonLines(a, b), [2]int{len(a), len(b)}) {
		lines = append(lines, branches(a[i:same[0]], b[j:same[1]])...)
		if i, j = same[0]+1, same[1]+1; i <= len(a) {
			lines = append(lines, a[i-1])
		}
	}
	return strings.Join(lines, "\n")
}

// commonLines returns the positions of a longest common subsequence.
func commonLines(a, b []string) (positions [][2]int) {
	length := make([][]int, len(a)+1) // of the longest one of a[i:] and b[j:]
	length[len(a)] = make([]int, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		length[i] = make([]int, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			if length[i][j] = max(length[i+1][j], length[i][j+1]); a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			positions = append(positions, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return positions
}

// branches returns the lines that only one of the engines has.
func branches(postgres, duckdb []string) []string {
	switch {
	case len(postgres) == 0 && len(duckdb) == 0:
		return nil
	case len(duckdb) == 0:
		return slices.Concat([]string{ifPostgres}, postgres, []string{endIf})
	case len(postgres) == 0:
		return slices.Concat([]string{ifDuckDB}, duckdb, []string{endIf})
	}
	return slices.Concat([]string{ifPostgres}, postgres, []string{orDuckDB}, duckdb, []string{endIf})
}

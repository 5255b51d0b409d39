package answer

import (
	"cmp"
	"slices"
	"strings"
)

// nearestNames is the maximum number of names that are suggested.
const nearestNames = 3

// Nearest returns the names that are most similar to a name, the most similar one
// first. Similar are names that differ in at most a third of their characters.
func Nearest(name string, names []string) (near []string) {
	name = strings.ToLower(name)
	limit := max(len(name)/3, 1)
	distances := map[string]int{}
	for _, other := range names {
		d := distance(name, strings.ToLower(other))
		if _, known := distances[other]; !known && d <= limit {
			distances[other] = d
			near = append(near, other)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distances[a], distances[b]) })
	return near[:min(len(near), nearestNames)]
}

// distance returns the number of characters to insert, delete, replace or swap with
// the next one to make b of a.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(from); i++ {
		for j := 1; j <= len(to); j++ {
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(from)][len(to)]
}

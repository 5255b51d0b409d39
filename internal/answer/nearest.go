package answer

import (
	"cmp"
	"slices"
	"strings"

	"convsync/internal/spelling"
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
		d := spelling.Distance(name, strings.ToLower(other))
		if _, known := distances[other]; !known && d <= limit {
			distances[other] = d
			near = append(near, other)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distances[a], distances[b]) })
	return near[:min(len(near), nearestNames)]
}

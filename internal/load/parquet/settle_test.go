package parquet

import (
	"slices"
	"testing"
)

// TestSizes_Merges gives a month one partition for each size in MB, and compares how
// many of them are merged into one, group by group.
func TestSizes_Merges(t *testing.T) {
	t.Parallel()
	first, err := parseDay("2026-05-01")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		megabytes []int64
		settled   day // the days before it are
		want      []int
	}{
		"Small":      {[]int64{3, 3, 3}, first + 31, []int{3}},
		"Large":      {[]int64{20, 20}, first + 31, nil},
		"Mixed":      {[]int64{3, 20, 3, 3}, first + 31, []int{2}},
		"Target":     {slices.Repeat([]int64{15}, 10), first + 31, []int{2, 2, 2, 2, 2}},
		"NotSettled": {[]int64{3, 3, 3}, first + 1, nil},
		"OneByOne":   {[]int64{12, 3, 0}, first + 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var parts []storedPart
			for i, n := range c.megabytes {
				info := newPartInfo()
				info.files[turns.Name()] = fileInfo{Bytes: n << 20}
				parts = append(parts, storedPart{dayPartition("p", first+day(i)), info})
			}
			var got []int
			for _, group := range defaultSizes.merges(parts, c.settled) {
				got = append(got, len(group))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("merged %v, want %v", got, c.want)
			}
		})
	}
}

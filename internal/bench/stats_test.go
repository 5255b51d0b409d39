package bench

import (
	"math"
	"slices"
)

// median is the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quotients divides each value by the one of the same repetition.
func quotients(values, by []float64) (all []float64) {
	for i := range min(len(values), len(by)) {
		all = append(all, values[i]/by[i])
	}
	return all
}

// each divides all values by one.
func each(values []float64, by float64) (all []float64) {
	for _, v := range values {
		all = append(all, v/by)
	}
	return all
}

// figures takes one figure of all samples.
func figures(samples []sample, figure func(*sample) float64) (all []float64) {
	for i := range samples {
		all = append(all, figure(&samples[i]))
	}
	return all
}

func wall(s *sample) float64    { return s.Wall }
func cpu(s *sample) float64     { return s.CPU }
func peak(s *sample) float64    { return s.Peak }
func written(s *sample) float64 { return s.Written }
func files(s *sample) float64   { return s.Files }
func disk(s *sample) float64    { return s.Disk }
func wal(s *sample) float64     { return s.WAL }

func requests(s *sample) float64 { return s.Requests }

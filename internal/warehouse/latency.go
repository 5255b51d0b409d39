package warehouse

import (
	"math"
	"slices"
)

// SummarizeLatency sets the latency columns of a conversation from its turns.
func SummarizeLatency(c *Conversation, turns []Turn) {
	var few [64]float64
	seconds := few[:0]
	sum := 0.0
	for i := range turns {
		if l := turns[i].LatencySeconds; l.Valid {
			seconds = append(seconds, l.V)
			sum += l.V
		}
	}
	n := len(seconds)
	c.LatencyTurns = int64(n)
	none := Null[float64]{}
	c.LatencyAvgSeconds, c.LatencyP50Seconds, c.LatencyP95Seconds, c.LatencyMaxSeconds = none, none, none, none
	if n == 0 {
		return
	}
	slices.Sort(seconds)
	if !math.IsInf(sum, 0) {
		c.LatencyAvgSeconds = Some(sum / float64(n))
	}
	c.LatencyP50Seconds = Some(nearestRank(seconds, 0.50))
	c.LatencyP95Seconds = Some(nearestRank(seconds, 0.95))
	c.LatencyMaxSeconds = Some(seconds[n-1])
}

// nearestRank returns the percentile p of sorted values, as percentile_disc in SQL:
// the smallest value such that at least the share p of the values is not larger.
func nearestRank(sorted []float64, p float64) float64 {
	return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
}

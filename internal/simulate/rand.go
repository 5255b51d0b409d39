package simulate

import "math"

// random is the generator SplitMix64. It has eight bytes of state and starts from
// any value, so that each conversation has its own stream.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// mix spreads the bits of z over a word.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number in [0, n).
func (r *random) n(n int) int {
	return int((r.next() >> 32) * uint64(n) >> 32)
}

// float returns a number in [0, 1).
func (r *random) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// chance returns true with probability p.
func (r *random) chance(p float64) bool { return r.float() < p }

// between returns a number in [low, high).
func (r *random) between(low, high float64) float64 { return low + (high-low)*r.float() }

// normal returns an approximately normal number with mean 0 and standard deviation 1:
// the sum of four uniform numbers.
func (r *random) normal() float64 {
	a, b := r.next(), r.next()
	const half = 1 << 32
	sum := float64(a>>32) + float64(a&(half-1)) + float64(b>>32) + float64(b&(half-1))
	return (sum/half - 2) * math.Sqrt(3)
}

// gamma returns a positive number with a long tail and mean 1.
func (r *random) gamma() float64 {
	return -math.Log((1-r.float())*(1-r.float())) / 2
}

func pick[T any](r *random, list []T) T { return list[r.n(len(list))] }

// hashText is FNV-1a.
func hashText(h uint64, s string) uint64 {
	if h == 0 {
		h = 14695981039346656037
	}
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h * 1099511628211 // an end mark: "ab","c" is not "a","bc"
}

// Random streams, one for each purpose, so that a change of one affects no other.
const (
	streamHead uint64 = iota + 1
	streamEmpty
	streamBooleans
	streamTimes
	streamNumbers
	streamLatency
	streamMetrics
	streamState
	streamTexts
	streamHidden
	streamUnknown
	streamIdentity
	streamIDs
	streamPhones
	streamEntities
	streamIntents
	streamScores
	streamUnreadable
	streamMeasures
	streamPlan
	streamReviews
	streamSummaries
	streamAudio
)

func stream(seed, name uint64) *random {
	r := random(mix(seed ^ name<<56))
	return &r
}

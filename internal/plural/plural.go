package plural

import "strconv"

// Count returns a number with its noun: "1 hour", "2 hours".
func Count(n int64, noun string) string {
	return strconv.FormatInt(n, 10) + " " + Of(n, noun)
}

// Of returns the form of a noun for a number of things. The plural of the noun
// ends in -s.
func Of(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

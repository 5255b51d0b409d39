package simulate

import (
	"math"
	"strconv"
	"time"
)

// number is a number with its JSON form.
type number struct {
	value float64
	form  numberForm
}

type numberForm uint8

const (
	numberPlain  numberForm = iota // 73
	numberPoint                    // 73.0
	numberText                     // "73"
	numberNull                     // null
	numberUnread                   // "a few", which is not a number
)

const unreadNumber = "a few"

func (n number) append(dst []byte) []byte {
	switch n.form {
	case numberNull:
		return append(dst, "null"...)
	case numberUnread:
		return append(dst, `"`+unreadNumber+`"`...)
	case numberPoint:
		dst = strconv.AppendFloat(dst, n.value, 'f', -1, 64)
		if n.value == math.Trunc(n.value) {
			dst = append(dst, ".0"...)
		}
		return dst
	case numberText:
		dst = strconv.AppendFloat(append(dst, '"'), n.value, 'f', -1, 64)
		return append(dst, '"')
	}
	return strconv.AppendFloat(dst, n.value, 'f', -1, 64)
}

// latency is the latency of a turn with its JSON form.
type latency struct {
	millis int64
	form   latencyForm
}

type latencyForm uint8

const (
	latencyNumber latencyForm = iota
	latencyText               // "1.61"
	latencyNull
	latencyAbsent
	latencyObject // {"label": null, "perceived_latency": 1.61, "perceived_latency_percentile_1d": null}
	latencyRated  // the same with a label and a percentile
)

const (
	latencyLabel      = "slow"
	latencyPercentile = 0.75
)

func (l latency) seconds() float64 { return float64(l.millis) / 1000 }

func (l latency) append(dst []byte) []byte {
	switch l.form {
	case latencyAbsent:
		return dst
	case latencyNull:
		return append(dst, `,"latency":null`...)
	case latencyText:
		return append(appendMillis(append(dst, `,"latency":"`...), l.millis), '"')
	case latencyObject:
		dst = appendMillis(append(dst, `,"latency":{"label":null,"perceived_latency":`...), l.millis)
		return append(dst, `,"perceived_latency_percentile_1d":null}`...)
	case latencyRated:
		dst = appendMillis(append(dst, `,"latency":{"label":"`+latencyLabel+`","perceived_latency":`...), l.millis)
		return append(dst, `,"perceived_latency_percentile_1d":0.75}`...)
	}
	return appendMillis(append(dst, `,"latency":`...), l.millis)
}

// appendMillis writes a number of thousandths as a decimal number.
func appendMillis(dst []byte, millis int64) []byte {
	dst = strconv.AppendInt(dst, millis/1000, 10)
	rest := millis % 1000
	return append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}

// moment is a time (µs) with its JSON form.
type moment struct {
	at   int64
	form timeForm
}

type timeForm uint8

const (
	timeISO    timeForm = iota // 2026-06-03T13:19:19.757917+00:00
	timeZ                      // 1 to 6 digits and Z
	timeOffset                 // in the zone +05:30
	timeWest                   // in the zone -04:00
	timeSpace                  // a space for the T
	timeNoZone                 // no zone: UTC
	timeNanos                  // nine digits, of which the last three are dropped
	timeNull
	timeUnread // not a time
	// readableTimes is the number of forms above that are times.
	readableTimes = int(timeNull)
)

const unreadTime = "yesterday"

// append writes the moment with the fewest digits of its fraction: 0, 3 or 6.
func (m moment) append(dst []byte) []byte {
	at, separator, zone := m.at, byte('T'), "+00:00"
	switch m.form {
	case timeNull:
		return append(dst, "null"...)
	case timeUnread:
		return append(dst, `"`+unreadTime+`"`...)
	case timeZ:
		zone = "Z"
	case timeOffset:
		at, zone = at+11*hourMicros/2, "+05:30"
	case timeWest:
		at, zone = at-4*hourMicros, "-04:00"
	case timeSpace:
		separator = ' '
	case timeNoZone:
		zone = ""
	}
	dst = append(dst, '"')
	seconds, micros := at/secondMicros, at%secondMicros
	dst = appendDate(dst, seconds/86400)
	day := seconds % 86400
	dst = append(dst, separator)
	dst = append(append2(dst, day/3600), ':')
	dst = append(append2(dst, day/60%60), ':')
	dst = append2(dst, day%60)
	switch {
	case m.form == timeZ && micros > 0:
		dst = trimZeros(append6(append(dst, '.'), micros))
	case m.form == timeNanos:
		dst = append(append6(append(dst, '.'), micros), "987"...)
	case micros == 0:
	case micros%1000 == 0:
		dst = append2(append(dst, '.', byte('0'+micros/100000)), micros/1000%100)
	default:
		dst = append6(append(dst, '.'), micros)
	}
	return append(append(dst, zone...), '"')
}

func trimZeros(dst []byte) []byte {
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func append2(dst []byte, v int64) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }

func append6(dst []byte, v int64) []byte {
	return append2(append2(append2(dst, v/10000), v/100%100), v%100)
}

// appendDate writes the date that is a number of days after 1970-01-01.
func appendDate(dst []byte, days int64) []byte {
	year, month, day := time.Unix(days*86400, 0).UTC().Date()
	dst = append2(append2(dst, int64(year/100)), int64(year%100))
	dst = append2(append(dst, '-'), int64(month))
	return append2(append(dst, '-'), int64(day))
}

const hexDigits = "0123456789abcdef"

func appendHex(dst []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}

func appendUUID(dst []byte, a, b uint64) []byte {
	a = a&^0xf000 | 0x4000 // version 4
	b = b&^(3<<62) | 2<<62
	var hex [32]byte
	h := appendHex(appendHex(hex[:0], a), b)
	for i, part := range [...][]byte{h[:8], h[8:12], h[12:16], h[16:20], h[20:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, part...)
	}
	return dst
}

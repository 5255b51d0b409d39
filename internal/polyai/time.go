package polyai

import (
	"strconv"
	"time"
)

// ParseTime reads ISO 8601 in the forms that the source uses: with T or a space, with or
// without seconds, with any number of fraction digits (truncated to microseconds), with
// Z, an offset or no zone, which means UTC.
func ParseTime[T ~string | ~[]byte](s T) (Micros, bool) {
	p := timeParser[T]{s: s}
	year := p.number(4)
	p.expect('-')
	month := p.number(2)
	p.expect('-')
	day := p.number(2)
	if !p.take('T') && !p.take('t') {
		p.expect(' ')
	}
	hour := p.number(2)
	p.expect(':')
	minute := p.number(2)
	second, micros := 0, 0
	if p.take(':') {
		second = p.number(2)
		if p.take('.') || p.take(',') {
			micros = p.fraction()
		}
	}
	offset := p.zone()
	if p.bad || len(p.s) > 0 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 || year < 1 {
		return 0, false
	}
	if day > daysIn(year, month) {
		return 0, false
	}
	utc := int64(daysSince1970(year, month, day))*86400 + int64(hour*3600+minute*60+second-offset)
	if utc < earliest || utc >= latest {
		return 0, false
	}
	return Micros(utc*1e6 + int64(micros)), true
}

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysIn returns the number of days of a month from 1 to 12.
func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return monthDays[month-1]
}

// daysSince1970 returns the number of days from 1970-01-01 to a day of the years 1 to
// 9999. It counts in years that begin in March, so that a leap day is the last one.
func daysSince1970(year, month, day int) int {
	if month < 3 {
		year, month = year-1, month+12
	}
	const daysTo1970 = 719_468 // from 0000-03-01
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - daysTo1970
}

// The years that every reader of a warehouse can represent: 1 to 9999.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	latest   = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// queryTime formats a time for a query. The source accepts only years of four digits, so a
// time outside of 0001 to 9999 becomes the nearest one inside. The fraction, in
// microseconds, is left out for whole seconds.
func queryTime(t time.Time) string {
	if second := min(max(t.Unix(), earliest), latest-1); second != t.Unix() {
		t = time.Unix(second, 0)
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}

// timeParser parses a time from left to right. bad is set on the first error.
type timeParser[T ~string | ~[]byte] struct {
	s   T
	bad bool
}

func (p *timeParser[T]) take(c byte) bool {
	if len(p.s) == 0 || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *timeParser[T]) expect(c byte) { p.bad = p.bad || !p.take(c) }

func (p *timeParser[T]) number(digits int) int {
	if len(p.s) < digits {
		p.bad = true
		return 0
	}
	n := 0
	for i := range digits {
		c := p.s[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = n*10 + int(c-'0')
	}
	p.s = p.s[digits:]
	return n
}

// fraction reads the digits after the point and uses the first six.
func (p *timeParser[T]) fraction() (micros int) {
	digits := 0
	for ; len(p.s) > 0 && p.s[0] >= '0' && p.s[0] <= '9'; p.s = p.s[1:] {
		if digits < 6 {
			micros = micros*10 + int(p.s[0]-'0')
		}
		digits++
	}
	p.bad = p.bad || digits == 0
	for ; digits < 6; digits++ {
		micros *= 10
	}
	return micros
}

// zone reads Z, +01:00, +0100, +01 or nothing, and returns the seconds east of UTC.
func (p *timeParser[T]) zone() int {
	sign := 1
	switch {
	case len(p.s) == 0 || p.take('Z') || p.take('z'):
		return 0
	case p.take('-'):
		sign = -1
	default:
		p.expect('+')
	}
	hours, minutes := p.number(2), 0
	if p.take(':') || len(p.s) > 0 {
		minutes = p.number(2)
	}
	p.bad = p.bad || hours > 23 || minutes > 59
	return sign * (hours*3600 + minutes*60)
}

// ParseNumber reads a number with the grammar of JSON, such as a text that contains one.
// ok is false for other text and for numbers beyond the range of a float64.
func ParseNumber[T ~string | ~[]byte](s T) (n float64, ok bool) {
	if !isNumber(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(s), 64) // does not allocate if s is short
	return n, err == nil
}

// isNumber reports whether s is a number with the grammar of JSON: without the leading
// plus, zeros or point of texts such as phone numbers and codes.
func isNumber[T ~string | ~[]byte](s T) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := i
	if !digits() || s[whole] == '0' && i > whole+1 {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

package warehouse

import "strings"

// The functions below expect well-formed JSON. They never read past its end.

// skipString returns the offset after the string that begins at i.
func skipString[T ~string | ~[]byte](s T, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// skipNumber returns the offset after the number that begins at i.
func skipNumber[T ~string | ~[]byte](s T, i int) int {
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || strings.IndexByte("+-.eE", s[i]) >= 0) {
		i++
	}
	return i
}

// skipValue returns the offset after the object or list that begins at i.
func skipValue[T ~string | ~[]byte](s T, i int) int {
	for depth := 0; i < len(s); {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		case '"':
			i = skipString(s, i)
			continue
		}
		i++
	}
	return len(s)
}

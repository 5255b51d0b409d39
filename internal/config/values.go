package config

import (
	"errors"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration parses a Go duration that may also have days: 90m, 24h, 7d, 1d12h.
type duration time.Duration

const expectedDuration = "expected a duration such as 30m, 24h or 7d"

func (d *duration) UnmarshalText(text []byte) error {
	s := string(text)
	var total time.Duration
	if days, rest, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errors.New(expectedDuration)
		}
		total, s = time.Duration(n)*24*time.Hour, rest
	}
	if s != "" {
		part, err := time.ParseDuration(s)
		if err != nil || part > math.MaxInt64-total {
			return errors.New(expectedDuration)
		}
		total += part
	}
	if total <= 0 {
		return errors.New(expectedDuration + ", longer than 0")
	}
	*d = duration(total)
	return nil
}

// fileMode parses the mode of files, in octal: 0600, 0640, 0644.
type fileMode fs.FileMode

func (m *fileMode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 16)
	if err != nil || n&0o600 != 0o600 || n&^0o666 != 0 {
		return errors.New("expected the mode of files in octal and in quotes, such as \"0640\", with which the owner can read and write; the mode of folders is derived from it")
	}
	*m = fileMode(n)
	return nil
}

// instant parses a date, which means midnight UTC, or an RFC 3339 time.
type instant time.Time

func (i *instant) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			*i = instant(t.UTC())
			return nil
		}
	}
	return errors.New("expected a valid date, such as 2026-01-31, or a time with a zone, such as 2026-01-31T00:00:00Z")
}

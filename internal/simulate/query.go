package simulate

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query has the parameters of a request for the list.
type query struct {
	environment string
	from, to    int64 // µs, half-open
	channels    []string
	variantID   string
	variantName string
	inProgress  *bool
	limit       int
	latency     bool
	skip        int // conversations to leave out: offset
	before      int // only indices below it: cursor
	position    int // position in the complete result
	overlap     bool
}

// badQuery is an error in a request that its sender can correct.
type badQuery struct{ code, message string }

func (b *badQuery) Error() string { return b.message }

var errStaleCursor = &badQuery{"GET_CONVERSATIONS_INVALID_CURSOR", "The cursor is malformed, too old, or belongs to other parameters."}

func bad(format string, args ...any) error {
	return &badQuery{"GET_CONVERSATIONS_INVALID_PARAMETER", fmt.Sprintf(format, args...)}
}

const noEnd = int64(1) << 62

func parseQuery(values url.Values, scope uint64, maxLimit int) (*query, error) {
	q := &query{
		environment: "live",
		from:        -noEnd,
		to:          noEnd,
		limit:       1000,
		before:      1 << 60,
		channels:    values["channel"],
		variantID:   values.Get("variant_id"),
		variantName: values.Get("variant_name"),
	}
	var err error
	integer := func(name string, low, high int, into *int) {
		text, given := values.Get(name), values.Has(name)
		if !given || err != nil {
			return
		}
		n, e := strconv.Atoi(text)
		if e != nil || n < low || n > high {
			err = bad("%s must be a whole number from %d to %d.", name, low, high)
		}
		*into = n
	}
	moment := func(name string, into *int64) {
		if text := values.Get(name); text != "" && err == nil {
			*into, err = parseMoment(name, text)
		}
	}
	boolean := func(name string) (v, given bool) {
		text := strings.ToLower(values.Get(name))
		if text != "" && text != "true" && text != "false" && err == nil {
			err = bad("%s must be true or false.", name)
		}
		return text == "true", text != ""
	}
	q.limit = min(q.limit, maxLimit)
	integer("limit", 1, maxLimit, &q.limit)
	integer("offset", 0, 1<<40, &q.skip)
	moment("start_time", &q.from)
	moment("end_time", &q.to)
	q.latency, _ = boolean("include_latency")
	if v, given := boolean("in_progress"); given {
		q.inProgress = &v
	}
	if name := values.Get("client_env"); name != "" {
		q.environment = name
	}
	switch {
	case err != nil:
		return nil, err
	case !knownEnvironment(q.environment):
		return nil, bad("client_env must be live, sandbox or pre-release.")
	case q.variantID != "" && q.variantName != "":
		return nil, bad("Only one of variant_id and variant_name may be given.")
	case values.Has("query_type") || values.Has("sample"):
		return nil, bad("Search and sampling are not simulated.")
	}
	q.position = q.skip
	if text := values.Get("cursor"); text != "" {
		return q, q.resume(text, bind(values, scope))
	}
	return q, nil
}

// parseMoment reads a moment in µs. Without a zone it is UTC.
func parseMoment(name, text string) (int64, error) {
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			// Round up, so that a fraction of a microsecond does not include that microsecond.
			return (t.Add(time.Microsecond - 1)).UnixMicro(), nil
		}
	}
	return 0, bad("%s must be a time in ISO 8601.", name)
}

// bind returns a hash of all parameters except the cursor, which is valid only with
// them.
func bind(values url.Values, scope uint64) uint64 {
	names := make([]string, 0, len(values))
	for name := range values {
		if name != "cursor" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	h := hashText(scope, "cursor")
	for _, name := range names {
		h = hashText(h, name)
		for _, v := range values[name] {
			h = hashText(h, v)
		}
	}
	return h
}

// cursor returns an opaque token: the place of the next page, and the hash of its
// parameters.
func cursor(before, position int, overlap bool, binding uint64) string {
	var token [24]byte
	binary.BigEndian.PutUint64(token[:], uint64(before<<1|boolBit(overlap)))
	binary.BigEndian.PutUint64(token[8:], uint64(position))
	binary.BigEndian.PutUint64(token[16:], sign(token[:16], binding))
	return base64.RawURLEncoding.EncodeToString(token[:])
}

func boolBit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sign(token []byte, binding uint64) uint64 { return mix(hashText(binding, string(token))) }

func (q *query) resume(text string, binding uint64) error {
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) != 24 || binary.BigEndian.Uint64(token[16:]) != sign(token[:16], binding) {
		return errStaleCursor
	}
	first := binary.BigEndian.Uint64(token)
	q.before, q.overlap, q.skip = int(int64(first)>>1), first&1 == 1, 0
	q.position = int(binary.BigEndian.Uint64(token[8:]))
	return nil
}

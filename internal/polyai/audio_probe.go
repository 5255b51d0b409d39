package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HeadBytes is the maximum of what [BuildClient.Probe] reads of a recording. The header
// of a WAV file is rarely longer than 100 bytes.
const HeadBytes = 64 << 10

var firstBytes = fmt.Sprintf("bytes=0-%d", HeadBytes-1)

// ProbeMethod is a way to learn about a recording without reading all of it. Sources
// differ in what they support.
type ProbeMethod uint8

// The methods of a probe.
const (
	ProbeRange  ProbeMethod = iota // GET of the first [HeadBytes] by a Range header
	ProbeHead                      // HEAD, which returns no bytes
	ProbeClosed                    // GET, closed after the first [HeadBytes]
)

// String returns the name of the method for logs.
func (m ProbeMethod) String() string {
	switch m {
	case ProbeRange:
		return "ranged GET"
	case ProbeHead:
		return "HEAD"
	}
	return "closed GET"
}

// AudioHead is the result of a probe of a recording that exists.
type AudioHead struct {
	Size   int64     // of the recording in bytes; -1: the source does not return it
	Start  []byte    // the first bytes, at most HeadBytes; nil after ProbeHead
	Whole  bool      // Start is the complete recording
	Ranged bool      // the source returned a range as requested, not the complete recording
	Server time.Time // Date of the response; zero if it has none
}

// Probe requests the size and the beginning of a recording. The errors are those of
// [BuildClient.Audio]; a 404 to a HEAD request has no code, so it is not
// [IsNoRecording]. An empty recording is no error.
func (c *BuildClient) Probe(ctx context.Context, r Recording, m ProbeMethod) (*AudioHead, error) {
	method := http.MethodGet
	if m == ProbeHead {
		method = http.MethodHead
	}
	res, err := c.requestAudio(ctx, method, r, m == ProbeRange)
	if err != nil {
		return nil, err
	}
	head := &AudioHead{Size: res.size, Server: res.server}
	if m != ProbeHead {
		err = head.read(res)
	}
	_ = res.Close() // what was needed is read; the rest is not wanted
	if err != nil {
		return nil, err
	}
	return head, nil
}

// read reads the beginning of the recording.
func (h *AudioHead) read(res *audioResponse) error {
	most := int64(HeadBytes)
	switch res.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable: // of an empty recording
		h.Size, h.Whole, h.Ranged = 0, true, true
		return nil
	case http.StatusPartialContent:
		last, total, ok := parseContentRange(res.Header.Get("Content-Range"))
		if !ok {
			return res.fail(errRange)
		}
		h.Ranged, h.Size = true, total
		most = min(most, last+1)
	}
	start, err := io.ReadAll(io.LimitReader(res, most))
	if err != nil {
		return err
	}
	h.Start = start
	n := int64(len(start))
	switch {
	case n == most && h.Size < 0: // more may follow
	case n == most || n == h.Size:
		h.Whole = n == h.Size
	case h.Ranged || h.Size >= 0:
		return res.fail(io.ErrUnexpectedEOF)
	default: // the end of a body of unknown size
		h.Size, h.Whole = n, true
	}
	return nil
}

// isEmptyRange reports whether no range could be returned because the recording is
// empty.
func isEmptyRange(res *http.Response) bool {
	return res.StatusCode == http.StatusRequestedRangeNotSatisfiable && strings.TrimSpace(res.Header.Get("Content-Range")) == "bytes */0"
}

// parseContentRange reads the last byte of a range that begins at the first byte, and
// the total size; -1 if that is not known. Several ranges in one response have no such
// header, and are not ok.
func parseContentRange(text string) (last, total int64, ok bool) {
	rest, isBytes := strings.CutPrefix(text, "bytes 0-")
	end, size, isRange := strings.Cut(rest, "/")
	last, lastErr := strconv.ParseInt(end, 10, 64)
	total, totalErr := strconv.ParseInt(size, 10, 64)
	if size == "*" {
		total, totalErr = -1, nil
	}
	ok = isBytes && isRange && errors.Join(lastErr, totalErr) == nil && last >= 0 && (size == "*" || total > last)
	return last, total, ok
}

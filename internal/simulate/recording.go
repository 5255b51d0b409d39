package simulate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Recording describes a recording as a correct warehouse and store would have it.
type Recording struct {
	// Availability is available, missing, forbidden or failed. If Audio.Times is set,
	// the requests that it counts are assumed to be over.
	Availability           string
	Fault                  AudioFault
	From                   time.Time // when it becomes available, if it does
	Bytes                  int64     // size of the file
	Seconds                float64
	SampleRateHz, Channels int
	Codec                  string // pcm_s16le or mulaw

	make func() *wave
}

// Recording returns what is known of a recording to one who asks at a moment of
// server time. It returns false if there is nothing to ask for: no listed
// conversation with this id, not a voice conversation, or still in progress.
// direction is combined, user or agent.
func (s *Simulator) Recording(projectID, conversationID, direction string, redacted bool, asOf time.Time) (*Recording, bool) {
	e, h := s.recorded(projectID, conversationID, asOf.UnixMicro())
	if e == nil {
		return nil, false
	}
	r := s.o.Audio.recording(&h, conversationID, direction, redacted)
	if s.o.Audio.Times > 0 && !r.Fault.lasts() {
		r.Fault = ""
	}
	switch {
	case r.Fault == AudioMissing, asOf.Before(r.From):
		r.Availability = "missing"
	case r.Fault == AudioForbidden:
		r.Availability = "forbidden"
	case r.Fault.fails():
		r.Availability = "failed"
	}
	return r, true
}

// recording describes a recording as if it was available.
func (a *Audio) recording(h *head, id, direction string, redacted bool) *Recording {
	fault, codec := a.of(id, h.seed)
	f := format{codec: codec, rate: int64(cmp.Or(a.SampleRateHz, 8000)), streamed: a.Streamed, list: a.List}
	r := &Recording{
		Availability: "available",
		Fault:        fault,
		From:         timeOf(h.end()),
		SampleRateHz: int(f.rate),
		Channels:     1,
		Codec:        "pcm_s16le",
	}
	switch fault {
	case AudioLate:
		r.From = r.From.Add(cmp.Or(a.LateBy, time.Hour))
	case AudioLongHeader:
		f.excess = 1000
	case AudioSame:
		redacted = true
	}
	if codec == AudioMulaw {
		r.Codec = "mulaw"
	}
	seed, frames, redacted := hashText(h.seed, direction), h.total*f.rate, redacted || a.NoPIIAccess
	r.make = func() *wave { return newWave(f, seed, redacted, frames, a.Bytes) }
	w := r.make()
	r.Bytes = w.size()
	r.Seconds = float64(w.data/f.frameBytes()) / float64(f.rate)
	return r
}

// Open returns the bytes of the file.
func (r *Recording) Open() io.ReadSeeker { return r.make() }

// SHA256 computes the hash of the file, in hexadecimal digits.
func (r *Recording) SHA256() string {
	hash := sha256.New()
	_, _ = io.Copy(hash, r.Open()) // neither can fail
	return hex.EncodeToString(hash.Sum(nil))
}

// recorded finds a voice conversation that is listed and has ended at a moment (µs);
// nil if there is none.
func (s *Simulator) recorded(project, id string, now int64) (*environment, head) {
	for _, e := range s.environments {
		if !is(project, e.project.ID, e.project.Alias) {
			continue
		}
		index, known := e.ids.find(e, id)
		if !known {
			continue
		}
		h := e.head(index)
		if !h.removed && h.visible <= now && h.start <= now && !h.open(now) {
			return e, h
		}
	}
	return nil, head{}
}

// ids finds the voice conversations of an environment by id. The map is made for the
// first recording, so that a simulator without recordings needs no memory for it.
type ids struct {
	once  sync.Once
	index map[uint64]int32 // by hash
}

func (i *ids) find(e *environment, id string) (int, bool) {
	i.once.Do(func() {
		i.index = make(map[uint64]int32, e.count)
		var c conversation
		for index := range e.count {
			if h := e.head(index); h.channel.family == voice && !h.unreadable {
				i.index[hashText(0, e.id(&c, &h))] = int32(index)
			}
		}
	})
	index, known := i.index[hashText(0, id)]
	if !known {
		return 0, false
	}
	var c conversation
	h := e.head(int(index))
	return int(index), e.id(&c, &h) == id
}

// id returns the id of a conversation without generating the rest.
func (e *environment) id(c *conversation, h *head) string {
	c.head = *h
	r := random(h.seed)
	c.identify(&r)
	if e.deviations.OddIDs {
		oddID(c, stream(h.seed, streamIDs))
	}
	return c.id
}

// AudioRequests are numbers of requests for recordings, including refused ones.
type AudioRequests struct {
	Head   int64
	Ranged int64 // GET with a range
	Whole  int64 // all others
}

// Total returns the sum.
func (a AudioRequests) Total() int64 { return a.Head + a.Ranged + a.Whole }

// audioCounts counts requests for recordings.
type audioCounts struct {
	head, ranged, whole atomic.Int64

	mu sync.Mutex
	of map[uint64]int // by hash of the recording
}

// AudioRequests returns the numbers of requests for recordings so far.
func (s *Simulator) AudioRequests() AudioRequests {
	c := &s.audioCounts
	return AudioRequests{Head: c.head.Load(), Ranged: c.ranged.Load(), Whole: c.whole.Load()}
}

// AudioRequestsOf returns the number of requests for a recording so far, by the
// project id that they used.
func (s *Simulator) AudioRequestsOf(projectID, conversationID, direction string, redacted bool) int {
	a := audioRequest{project: projectID, id: conversationID, direction: direction, redacted: redacted}
	s.audioCounts.mu.Lock()
	defer s.audioCounts.mu.Unlock()
	return s.audioCounts.of[a.hash()]
}

// MostAudioRequests returns the largest number of requests for any recording so far.
func (s *Simulator) MostAudioRequests() int {
	s.audioCounts.mu.Lock()
	defer s.audioCounts.mu.Unlock()
	most := 0
	for _, n := range s.audioCounts.of {
		most = max(most, n)
	}
	return most
}

package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Audio configures the recordings. The zero value serves a recording for each voice
// conversation that has ended: PCM of 16 bits, one channel, 8000 Hz, as long as the
// conversation.
type Audio struct {
	APIKey       string // key for recordings; "": that of [Options]
	Codec        AudioCodec
	SampleRateHz int   // 8000 by default; with 50, files are small and have the right duration
	Bytes        int64 // size of each file with its header, even, at least 256; 0: by duration
	Streamed     bool  // the sizes in the header are 0xFFFFFFFF
	List         bool  // a LIST chunk before the data and, unless Streamed, one after it
	NoLength     bool  // no Content-Length and no ranges
	NoHead       bool  // HEAD gets a 405
	NoRange      bool  // a range is ignored
	NoPIIAccess  bool  // the key gets the redacted recording in any case
	// Share is the share of the conversations with a fault, at most 1 in total. The
	// same options give the same conversations.
	Share map[AudioFault]float64
	// At sets the fault of a conversation by its id, regardless of Share; "": none.
	At map[string]AudioFault
	// Times is the number of requests for a recording that get the fault; 0: all. It
	// does not apply to AudioLate, AudioLongHeader and AudioSame.
	Times   int
	LateBy  time.Duration // from the end of a conversation with AudioLate to its recording, 1 h by default
	SlowFor time.Duration // duration of the body with AudioSlow, 2 s by default
}

// AudioCodec is the encoding of the recordings.
type AudioCodec string

// The codecs; "" is AudioPCM.
const (
	AudioPCM        AudioCodec = "pcm"
	AudioMulaw      AudioCodec = "mulaw"
	AudioExtensible AudioCodec = "extensible" // PCM, declared by WAVE_FORMAT_EXTENSIBLE
	AudioMixed      AudioCodec = "mixed"      // one of the others for each conversation
)

var allCodecs = []AudioCodec{AudioPCM, AudioMulaw, AudioExtensible}

// AudioFault is a deviation of all recordings of a conversation.
type AudioFault string

// The faults of recordings.
const (
	AudioLate        AudioFault = "late"         // 404 until Audio.LateBy after the end
	AudioMissing     AudioFault = "missing"      // 404
	AudioForbidden   AudioFault = "forbidden"    // 403
	AudioTruncated   AudioFault = "truncated"    // half of the body, then the connection is closed
	AudioWrongLength AudioFault = "wrong_length" // the body is complete, but 1000 bytes shorter than its Content-Length
	AudioHTML        AudioFault = "html"         // 200 with a page
	AudioJSON        AudioFault = "json"         // 200 with an error document
	AudioEmpty       AudioFault = "empty"        // 200 without a body
	AudioNotWAV      AudioFault = "not_wav"      // 200 with other bytes, as audio/wav
	AudioRedirect    AudioFault = "redirect"     // 302 to another host
	AudioSlow        AudioFault = "slow"         // the body takes Audio.SlowFor
	AudioLongHeader  AudioFault = "long_header"  // the header claims more data than the complete file has
	AudioSame        AudioFault = "same"         // there is nothing to redact: both recordings have the same bytes
)

var allAudioFaults = []AudioFault{AudioLate, AudioMissing, AudioForbidden, AudioTruncated, AudioWrongLength, AudioHTML, AudioJSON,
	AudioEmpty, AudioNotWAV, AudioRedirect, AudioSlow, AudioLongHeader, AudioSame}

// lasts reports whether a fault is a property of the recording, not of an answer.
func (f AudioFault) lasts() bool {
	return f == AudioLate || f == AudioLongHeader || f == AudioSame
}

// fails reports whether the answer is not a recording.
func (f AudioFault) fails() bool {
	return slices.Contains([]AudioFault{AudioTruncated, AudioWrongLength, AudioHTML, AudioJSON, AudioEmpty, AudioNotWAV, AudioRedirect}, f)
}

func (a *Audio) validate() error {
	sum := 0.0
	for name, share := range a.Share {
		if err := a.known(name); err != nil {
			return err
		}
		if !(share >= 0) {
			return fmt.Errorf("simulate: the share %g of the audio fault %q is negative", share, name)
		}
		sum += share
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("simulate: the shares of the audio faults add up to %g; 1 is all conversations", sum)
	}
	for _, name := range a.At {
		if err := a.known(name); name != "" && err != nil {
			return err
		}
	}
	if c := cmp.Or(a.Codec, AudioPCM); c != AudioMixed && !slices.Contains(allCodecs, c) {
		return fmt.Errorf("simulate: there is no codec %q; there are %q and %q", a.Codec, allCodecs, AudioMixed)
	}
	switch {
	case a.SampleRateHz < 0 || a.SampleRateHz > 192_000:
		return fmt.Errorf("simulate: a sample rate of %d Hz; use 1 to 192000", a.SampleRateHz)
	case a.Bytes != 0 && (a.Bytes < 256 || a.Bytes%2 != 0 || a.Bytes > 1<<32-1):
		return fmt.Errorf("simulate: recordings of %d bytes; use an even number from 256 to 4294967294, or 0 for the duration of the conversation", a.Bytes)
	case a.Times < 0 || a.LateBy < 0 || a.SlowFor < 0:
		return fmt.Errorf("simulate: a number of requests or a duration of recordings is negative")
	}
	return nil
}

func (a *Audio) known(name AudioFault) error {
	if !slices.Contains(allAudioFaults, name) {
		return fmt.Errorf("simulate: there is no audio fault %q; there are %q", name, allAudioFaults)
	}
	if name == AudioWrongLength && a.NoLength {
		return fmt.Errorf("simulate: without Content-Length there is no audio fault %q", name)
	}
	return nil
}

// of returns the fault and the codec of a conversation.
func (a *Audio) of(id string, seed uint64) (AudioFault, AudioCodec) {
	r := stream(seed, streamAudio)
	u, codec := r.float(), cmp.Or(a.Codec, AudioPCM)
	if mixed := pick(r, allCodecs); codec == AudioMixed {
		codec = mixed
	}
	if name, scripted := a.At[id]; scripted {
		return name, codec
	}
	for _, name := range slices.Sorted(maps.Keys(a.Share)) {
		if u -= a.Share[name]; u < 0 {
			return name, codec
		}
	}
	return "", codec
}

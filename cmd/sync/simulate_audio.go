package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"convsync/internal/simulate"
)

// simulateAudioOptions are the flags of the simulated recordings.
type simulateAudioOptions struct {
	forms  []string
	bytes  int64
	rate   int
	lateBy time.Duration
	times  int
}

// audioForms lists the values of --audio.
var audioForms = []string{"mulaw", "extensible", "mixed", "streamed", "list", "no_length", "no_head", "no_range", "no_pii_access"}

// audioFaultPrefix distinguishes the faults of recordings in --fault.
const audioFaultPrefix = "audio_"

// audioFaultNames lists the faults of recordings for --fault.
var audioFaultNames = []string{"audio_late", "audio_missing", "audio_forbidden", "audio_truncated", "audio_wrong_length", "audio_html",
	"audio_json", "audio_empty", "audio_not_wav", "audio_redirect", "audio_slow", "audio_long_header", "audio_same"}

func (o *simulateAudioOptions) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.forms, "audio", nil, "how recordings differ from PCM and from the documented API: "+strings.Join(audioForms, ", "))
	flags.Int64Var(&o.bytes, "audio-bytes", 0, "size of each recording in bytes, even; 0: by the duration of the conversation")
	flags.IntVar(&o.rate, "audio-rate", 8000, "samples per second; with 50, recordings are small and have the right duration")
	flags.DurationVar(&o.lateBy, "audio-late-by", time.Hour, "with --fault audio_late: from the end of the conversation to its recording")
	flags.IntVar(&o.times, "audio-fault-times", 0, "number of requests for the same recording that get its fault; 0: all")
}

// audio returns the options of the recordings, without their faults.
func (o *simulateAudioOptions) audio() (simulate.Audio, error) {
	a := simulate.Audio{
		Bytes:        o.bytes,
		SampleRateHz: o.rate,
		LateBy:       o.lateBy,
		Times:        o.times,
		Share:        map[simulate.AudioFault]float64{},
	}
	for _, form := range o.forms {
		if err := oneOf("audio", form, audioForms...); err != nil {
			return a, err
		}
		switch form {
		case "streamed":
			a.Streamed = true
		case "list":
			a.List = true
		case "no_length":
			a.NoLength = true
		case "no_head":
			a.NoHead = true
		case "no_range":
			a.NoRange = true
		case "no_pii_access":
			a.NoPIIAccess = true
		default:
			if a.Codec != "" {
				return a, usageError(fmt.Errorf("--audio has two codecs, %s and %s: use one, or mixed", a.Codec, form))
			}
			a.Codec = simulate.AudioCodec(form)
		}
	}
	return a, nil
}

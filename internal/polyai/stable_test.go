package polyai

import (
	"slices"
	"strings"
	"testing"
)

func TestStable(t *testing.T) {
	t.Parallel()
	const usual = `{"label": null, "perceived_latency": 1.61, "perceived_latency_percentile_1d": «0.5»}`
	for name, text := range map[string]string{
		"Usual":           `{"id":"CA1","turns":[{"latency":` + usual + `,"user_input":"a"},{"latency":` + usual + `}]}`,
		"Null":            `{"turns":[{"latency":{"perceived_latency_percentile_1d":«null»}}]}`,
		"First":           `{"turns":[{"latency":{"perceived_latency_percentile_1d" : «-1» , "label":"x"}}]}`,
		"TurnsTwice":      `{"turns":[{"latency":` + usual + `}],"turns":[{"latency":` + usual + `}]}`,
		"LatencyTwice":    `{"turns":[{"latency":` + usual + `,"latency":` + usual + `}]}`,
		"NotInTurns":      `{"state":{"turns":[{"latency":{"perceived_latency_percentile_1d":1}}]}}`,
		"InText":          `{"turns":[{"user_input":"{\"latency\":{\"perceived_latency_percentile_1d\":1}}"}],"note":"\"perceived_latency_percentile_1d\":1"}`,
		"NotALatency":     `{"turns":[{"metadata":{"perceived_latency_percentile_1d":1}}]}`,
		"Deeper":          `{"turns":[{"latency":{"latency":{"perceived_latency_percentile_1d":1}}}]}`,
		"UnknownMember":   `{"turns":[{"latency":{"perceived_latency_percentile_1d":1,"other":2}}]}`,
		"EscapedMember":   `{"turns":[{"latency":{"perceived_latency_percentile_1d":1,"perceived\u005flatency":2}}]}`,
		"EscapedLatency":  `{"turns":[{"latenc\u0079":{"perceived_latency_percentile_1d":1}}]}`,
		"Twice":           `{"turns":[{"latency":{"perceived_latency_percentile_1d":1,"perceived_latency_percentile_1d":2}}]}`,
		"SecondsUnread":   `{"turns":[{"latency":{"perceived_latency":"slow","perceived_latency_percentile_1d":1}}]}`,
		"LabelUnread":     `{"turns":[{"latency":{"label":{},"perceived_latency_percentile_1d":1}}]}`,
		"Text":            `{"turns":[{"latency":{"perceived_latency_percentile_1d":"0.5"}}]}`,
		"Exponent":        `{"turns":[{"latency":{"perceived_latency_percentile_1d":1e999}}]}`,
		"Long":            `{"turns":[{"latency":{"perceived_latency_percentile_1d":` + strings.Repeat("9", 400) + `}}]}`,
		"NoArray":         `{"turns":{"latency":{"perceived_latency_percentile_1d":1}}}`,
		"OtherElements":   `{"turns":[null,"\"perceived_latency_percentile_1d\"",[{"latency":{"perceived_latency_percentile_1d":1}}],{"latency":` + usual + `}]}`,
		"NoObject":        `["perceived_latency_percentile_1d"]`,
		"NoPercentile":    `{"id":"CA1"}`,
		"AfterTheTurns":   `{"turns":[{"latency":` + usual + `}],"note":"x"}`,
		"BracketsInTexts": `{"note":"]}","turns":[{"user_input":"}]\"","latency":` + usual + `}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []string // the parts around what is in «»
			for i, part := range strings.Split(text, "«") {
				if i > 0 {
					_, part, _ = strings.Cut(part, "»")
				}
				want = append(want, part)
			}
			v := Value(strings.NewReplacer("«", "", "»", "").Replace(text))
			if !IsSound(v) {
				t.Fatal("the test has a value that is not JSON")
			}
			var got []string
			for part := range v.Stable() {
				got = append(got, string(part))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Each value that is left out can be seen from the rest: a colon without a value
// follows the name. So two conversations cannot have the same parts by chance.
func FuzzStable(f *testing.F) {
	f.Add([]byte(`{"turns":[{"latency":{"label":null,"perceived_latency":1.61,"perceived_latency_percentile_1d":0.5}}]}`))
	f.Add([]byte(`{"turns":[{"latency":{"perceived_latency_percentile_1d" : null ,"label":""}},{}], "turns":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := Value(data)
		if len(v) == 0 || !IsSound(v) || v.Kind() != Object || v[0] != '{' {
			return
		}
		rest, at := v, 0
		for part := range v.Stable() {
			if at > 0 { // the value that was left out
				value := rest[:skipValue(rest, 0)]
				if !isPlainNumber(value) {
					t.Fatalf("%q was left out", value)
				}
				rest = rest[len(value):]
			}
			if len(part) > len(rest) || string(part) != string(rest[:len(part)]) {
				t.Fatalf("the part %q is not in order", part)
			}
			rest = rest[len(part):]
			before := strings.TrimRight(string(part), " \t\r\n")
			before, colon := strings.CutSuffix(before, ":")
			if before = strings.TrimRight(before, " \t\r\n"); len(rest) > 0 && (!colon || !strings.HasSuffix(before, percentileName)) {
				t.Fatalf("a value after %q was left out", part)
			}
			at++
		}
		if len(rest) > 0 {
			t.Fatalf("%q is in no part", rest)
		}
	})
}

package transform

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// Every option is part of the digest.
func TestDigest_Options(t *testing.T) {
	t.Parallel()
	v := polyai.Value(`{"id":"CA1"}`)
	seen := map[warehouse.Digest]string{NewDigester(&asked).Digest(v): "the options"}
	note := func(name string, o *Options) {
		d := NewDigester(o).Digest(v)
		if other, twice := seen[d]; twice || !d.IsKnown() {
			t.Errorf("%s: the digest is that of %s", name, other)
		}
		seen[d] = name
	}
	fields := reflect.TypeFor[Options]()
	for i := range fields.NumField() {
		o := asked
		switch field := reflect.ValueOf(&o).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*field += "x"
		case *[]AudioKind:
			*field = []AudioKind{{"combined", false}}
		case *Rules:
			*field = Rules{{Name: "mask", Version: "1"}}
		default:
			t.Fatalf("the test does not know how to change %s", fields.Field(i).Name)
		}
		note(fields.Field(i).Name, &o)
	}
	o := asked
	o.Rules = Rules{{Name: "mask", Version: "2"}}
	note("the version of a rule", &o)
	o = asked
	o.AccountID, o.ProjectID = `a" "b`, "c"
	note("quotes", &o)
	o.AccountID, o.ProjectID = "a", `b" "c`
	note("other quotes", &o)
}

func TestDigest_Bytes(t *testing.T) {
	t.Parallel()
	d := NewDigester(&asked)
	of := func(text string) warehouse.Digest { return d.Digest(polyai.Value(text)) }
	const turn = `{"id":"CA1","turns":[{"latency":{"label":null,"perceived_latency":1.61,"perceived_latency_percentile_1d":PERCENTILE}}]}`
	with := func(percentile string) string { return strings.ReplaceAll(turn, "PERCENTILE", percentile) }
	if of(with("0.5")) != of(with("null")) || of(with("0.5")) != of(with("12.25")) {
		t.Error("a percentile changes the digest")
	}
	if of(with("0.5")) == of(strings.Replace(with("0.5"), "1.61", "1.62", 1)) {
		t.Error("a latency does not change the digest")
	}
	if of(`{"id":"CA1"}`) == of(`{"id":"CA1" }`) {
		t.Error("other bytes have the same digest")
	}
}

// Conversations with equal digests have equal rows, apart from the percentiles.
func FuzzDigest(f *testing.F) {
	f.Add([]byte(`{"id":"CA1","started_at":"2026-06-03T13:19:19Z","turns":[{"latency":{"label":null,"perceived_latency":1.61,"perceived_latency_percentile_1d":0.5}},{"latency":{"perceived_latency_percentile_1d":null}}]}`), uint16(12))
	f.Add([]byte(`{"id":"CA1","started_at":"2026-06-03T13:19:19Z","turns":[{"latency":{"perceived_latency_percentile_1d":1,"x":[]},"latency":{"perceived_latency_percentile_1d":1}},{}],"turns":[{"latency":{"label":{},"perceived_latency_percentile_1d":1}}]}`), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, other uint16) {
		v := polyai.Value(bytes.TrimSpace(data))
		if !polyai.IsSound(v) {
			return
		}
		drifted := polyai.Value{}
		parts := 0
		for part := range v.Stable() {
			if parts++; parts > 1 {
				drifted = append(drifted, []string{"null", "0.25", "-7", "123456789.5"}[other>>(parts%8)%4]...)
			}
			drifted = append(drifted, part...)
		}
		d := NewDigester(&asked)
		if d.Digest(v) != d.Digest(drifted) {
			t.Fatalf("%s and %s have different digests", v, drifted)
		}
		a, driftA, errA := Rows(v, &asked, 0)
		b, driftB, errB := Rows(drifted, &asked, 0)
		if !reflect.DeepEqual(errA, errB) || !reflect.DeepEqual(driftA, driftB) {
			t.Fatalf("%s: %v, %v; %s: %v, %v", v, errA, driftA, drifted, errB, driftB)
		}
		if errA != nil {
			return
		}
		for _, r := range []*warehouse.Rows{a, b} {
			for i := range r.Turns {
				r.Turns[i].LatencyPercentile1d = warehouse.Null[float64]{}
			}
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%s and %s have different rows: %+v, %+v", v, drifted, a, b)
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	turn := `{"turn_id":1,"user_input":"` + strings.Repeat("made up words ", 8) + `","agent_response":"` + strings.Repeat("an answer ", 12) + `","latency":{"label":null,"perceived_latency":1.61,"perceived_latency_percentile_1d":0.5},"intents":["a"],"entities":[],"is_ood":false,"is_silence":false}`
	v := polyai.Value(`{"id":"CA1","started_at":"2026-06-03T13:19:19Z","turns":[` + strings.Repeat(turn+",", 14) + turn + `]}`)
	d := NewDigester(&asked)
	b.Run("Digest", func(b *testing.B) {
		b.SetBytes(int64(len(v)))
		b.ReportAllocs()
		for b.Loop() {
			d.Digest(v)
		}
	})
	b.Run("Rows", func(b *testing.B) {
		b.SetBytes(int64(len(v)))
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Rows(v, &asked, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

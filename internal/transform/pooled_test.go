package transform

import (
	"reflect"
	"testing"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestRows_Reuse compares the rows of a builder that is reused with those of a new one,
// and checks that rows do not change when the next ones are made.
func TestRows_Reuse(t *testing.T) {
	t.Parallel()
	values := simulated(t, 1000, 5, simulate.AllDeviations())
	var reused builder
	type result struct {
		rows  *warehouse.Rows
		drift []polyai.Drift
	}
	var got []result
	for _, v := range values {
		rows, drift, err := reused.build(v, &asked, 0)
		if err == nil {
			got = append(got, result{rows, drift})
		}
		reused.release()
	}
	for _, v := range values {
		rows, drift, err := new(builder).build(v, &asked, 0)
		if err != nil {
			continue
		}
		if want := (result{rows, drift}); !reflect.DeepEqual(got[0], want) {
			t.Fatalf("%s\ngives %+v\nwant  %+v", v, got[0], want)
		}
		got = got[1:]
	}
}

package loadtest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

// answers draws versions of some conversations, as the source returns them.
func (m *model) answers() []*warehouse.Rows {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 1, 4, rapid.ID[int]).Draw(m.T, "ids")
	rows := make([]*warehouse.Rows, len(ids))
	for i, n := range ids {
		id := fmt.Sprintf("%s%d", m.prefix, n)
		if last := m.last[id]; last != nil && rapid.IntRange(0, 2).Draw(m.T, "again") == 0 {
			rows[i] = again(last)
		} else {
			start := Noon.AddDate(0, 0, rapid.SampledFrom([]int{0, 0, 0, 1, 40}).Draw(m.T, "day"))
			rows[i] = Conversation("p", id, start.Add(time.Duration(n)*time.Second), m.options()...)
		}
		m.last[id] = rows[i]
	}
	return rows
}

// again returns the same version, but an open conversation is abandoned now.
func again(last *warehouse.Rows) *warehouse.Rows {
	r := Clone(last)
	if r.IsOpen() {
		r.Conversation.Lifecycle = warehouse.LifecycleAbandoned
	}
	return r
}

// options draws the properties of a conversation.
func (m *model) options() []Option {
	options := []Option{
		Note(rapid.SampledFrom([]string{"", "read"}).Draw(m.T, "note")),
		Turns(rapid.IntRange(0, 3).Draw(m.T, "turns")),
		Metrics(rapid.SampledFrom([]string{"1.0", "2.5"}).Draw(m.T, "score")),
	}
	for _, o := range []struct {
		name   string
		option Option
	}{
		{"hidden", Hidden(warehouse.Some(int64(3)))}, {"hidden, count is 0", Hidden(warehouse.Some(int64(0)))}, {"hidden and unknown", Hidden(warehouse.Null[int64]{})},
		{"no metrics", NoMetrics("{}")}, {"null metrics", NoMetrics("")}, {"open", Open()}, {"abandoned", Abandoned()},
	} {
		if rapid.IntRange(0, 5).Draw(m.T, o.name) == 5 {
			options = append(options, o.option)
		}
	}
	return options
}

package loadtest

import (
	"slices"

	"convsync/internal/warehouse"
)

// eachField calls a function for each field of a conversation and its parts that
// may have any value: not for keys, starts and fields that Seal or the loader sets.
func eachField(r *warehouse.Rows, do func(field any)) {
	bound := []string{"started_at", "num_turns", "turns_loaded", "transcript_status", "latency_turns", "missing_since", "lifecycle", "redacted"}
	for _, m := range warehouse.Members() {
		spec := m.Spec()
		free := slices.DeleteFunc(spec.Names(), func(name string) bool {
			return slices.Contains(spec.Key, name) || slices.Contains(bound, name)
		})
		for i := range m.Len(r) {
			for _, field := range m.Fields(nil, m.Row(r, i), spec.Find(free...)) {
				do(field)
			}
		}
	}
}

func putText(text string) Option {
	return func(r *warehouse.Rows) {
		eachField(shortened(r), func(field any) {
			if f, ok := field.(*warehouse.Text); ok {
				*f = warehouse.Text(text)
			}
		})
	}
}

// putLongText sets one text of each table.
func putLongText(text string) Option {
	return func(r *warehouse.Rows) {
		shortened(r)
		r.Conversation.Summary, r.Turns[0].UserInput = warehouse.Text(text), warehouse.Text(text)
		r.Entities[0].Value, r.Metrics[0].Value = warehouse.Text(text), warehouse.Text(text)
	}
}

// putName sets the names of parts, which belong to their keys.
func putName(name string) Option {
	return func(r *warehouse.Rows) {
		shortened(r)
		r.Entities[0].Name, r.Metrics[0].Name = name, name
	}
}

func putList(list warehouse.List) Option {
	return func(r *warehouse.Rows) {
		eachField(shortened(r), func(field any) {
			if f, ok := field.(*warehouse.List); ok {
				*f = list
			}
		})
	}
}

func putJSON(json warehouse.JSON) Option {
	return func(r *warehouse.Rows) {
		eachField(shortened(r), func(field any) {
			if f, ok := field.(*warehouse.JSON); ok {
				*f = json
			}
		})
	}
}

func putFloat(v float64) Option {
	return func(r *warehouse.Rows) {
		eachField(r, func(field any) {
			if f, ok := field.(*warehouse.Null[float64]); ok {
				*f = warehouse.Some(v)
			}
		})
	}
}

func putInteger(v int64) Option {
	return func(r *warehouse.Rows) {
		eachField(r, func(field any) {
			if f, ok := field.(*warehouse.Null[int64]); ok {
				*f = warehouse.Some(v)
			}
		})
	}
}

func putTime(at warehouse.Timestamp) Option {
	return func(r *warehouse.Rows) {
		eachField(r, func(field any) {
			if f, ok := field.(*warehouse.Null[warehouse.Timestamp]); ok {
				*f = warehouse.Some(at)
			}
		})
	}
}

// shortened keeps one row of each part, to limit the number of large values.
func shortened(r *warehouse.Rows) *warehouse.Rows {
	Turns(1)(r)
	r.Entities, r.Metrics = r.Entities[:1], r.Metrics[:1]
	return r
}

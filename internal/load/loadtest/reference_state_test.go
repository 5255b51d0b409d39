package loadtest

import (
	"context"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func (r *reference) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	d := r.Dump(nil)
	out := map[load.Feed]load.FeedState{}
	for _, f := range feeds {
		var s load.FeedState
		for _, c := range d.Coverage {
			if c.ProjectID == f.ProjectID && c.Environment == f.Environment {
				s.Coverage = append(s.Coverage, load.Range{From: c.From, Until: c.Until, ReadAt: c.ReadAt, Shape: c.Shape})
			}
		}
		for _, w := range d.Watermarks {
			if w.ProjectID == f.ProjectID && w.Environment == f.Environment {
				s.Watermark, s.WatermarkAt = w.Watermark, w.UpdatedAt
			}
		}
		s.VisibleAgain = slices.ContainsFunc(d.VisibleAgain, func(r warehouse.Reveal) bool {
			return r.ProjectID == f.ProjectID && r.Environment == f.Environment
		})
		for _, h := range d.Holes {
			if h.ProjectID == f.ProjectID && h.Environment == f.Environment {
				s.Holes = append(s.Holes, h)
			}
		}
		for _, o := range d.Open {
			if o.ProjectID == f.ProjectID && o.Environment == f.Environment {
				s.Open = append(s.Open, load.OpenConversation{ID: o.ConversationID, StartedAt: o.StartedAt})
			}
		}
		slices.SortFunc(s.Open, func(a, b load.OpenConversation) int { return int(a.StartedAt - b.StartedAt) })
		out[f] = s
	}
	return out, nil
}

func (r *reference) Projects(context.Context) ([]warehouse.Project, error) {
	if r.fault == forgetsProjects {
		return nil, nil
	}
	return r.Dump(nil).Projects, nil
}

func (r *reference) Summary(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	d := r.Dump(nil)
	out := map[load.Feed]load.FeedSummary{}
	for _, f := range feeds {
		var s load.FeedSummary
		for _, rows := range d.Conversations {
			c := &rows.Conversation
			if c.ProjectID != f.ProjectID || c.Environment != f.Environment {
				continue
			}
			s.Conversations++
			if strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden) {
				s.Hidden++
			}
			if s.Newest == 0 || c.StartedAt > s.Newest {
				s.Newest = c.StartedAt
			}
			if c.MissingSince.Valid {
				s.Missing++
			}
		}
		for _, x := range d.Lateness {
			if x.ProjectID == f.ProjectID && x.Environment == f.Environment {
				s.Lateness = append(s.Lateness, x)
			}
		}
		for _, x := range d.Rejects {
			if x.ProjectID == f.ProjectID && x.Environment == f.Environment {
				s.Rejects++
			}
		}
		for _, x := range d.Drift {
			if x.ProjectID == f.ProjectID && x.Environment == f.Environment {
				s.Drift = append(s.Drift, x)
			}
		}
		slices.SortFunc(s.Drift, func(a, b warehouse.Drift) int { return strings.Compare(a.Path, b.Path) })
		out[f] = s
	}
	return out, nil
}

func (r *reference) Runs(_ context.Context, limit int) ([]warehouse.SyncRun, error) {
	runs := r.Dump(nil).Runs
	slices.SortFunc(runs, func(a, b warehouse.SyncRun) int { return int(b.StartedAt - a.StartedAt) })
	return runs[:min(limit, len(runs))], nil
}

// moveWatermark stores a watermark or its correction.
func (w *referenceWriter) moveWatermark(st *load.Window) {
	row := warehouse.Watermark{ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment, Watermark: st.Watermark, UpdatedAt: st.At}
	same := func(s warehouse.Watermark) bool {
		return s.ProjectID == row.ProjectID && s.Environment == row.Environment
	}
	i := slices.IndexFunc(w.data.Watermarks, same)
	correct := st.CorrectWatermark && w.fault != keepsFuture
	switch {
	case i < 0 && row.Watermark != 0:
		w.data.Watermarks = append(w.data.Watermarks, row)
	case i < 0 || row.Watermark == 0 && !correct || row.Watermark == w.data.Watermarks[i].Watermark:
	case row.Watermark == 0:
		w.data.Watermarks = slices.Delete(slices.Clone(w.data.Watermarks), i, i+1)
	case row.Watermark > w.data.Watermarks[i].Watermark || correct || w.fault == watermarkBack:
		if !correct {
			row.UpdatedAt = max(row.UpdatedAt, w.data.Watermarks[i].UpdatedAt)
		}
		w.data.Watermarks = upsert(w.data.Watermarks, row, same)
	}
}

// storeOtherID stores the other form of a project's id.
func (w *referenceWriter) storeOtherID(st *load.Window) {
	for i, p := range w.data.Projects {
		if p.ProjectID == st.Feed.ProjectID && st.OtherID != "" {
			p.OtherID = warehouse.Text(st.OtherID)
			w.data.Projects = slices.Clone(w.data.Projects)
			w.data.Projects[i] = p
		}
	}
}

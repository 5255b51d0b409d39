package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// section is a part of the page.
type section struct {
	ID, Title, About string
	Charts           []chart
	Lists            []list
}

// list is a table that is not folded, with bars.
type list struct {
	ID, Title, About string
	Table            table
}

// shownRows limits the tables; the JSON has all rows.
const shownRows = 20

func (r *Report) sections() []section {
	all := []section{r.volume(), r.outcomes(), r.latency(), r.talk(), r.customers(), r.quality()}
	return slices.DeleteFunc(all, func(s section) bool { return len(s.Charts)+len(s.Lists) == 0 })
}

// byDay returns a series with a value for each day that was read.
func (r *Report) byDay(name string, value func(*DayFigures) *float64) plotSeries {
	s := plotSeries{Name: name, Values: make([]*float64, len(r.Days))}
	for i := range r.Days {
		if r.Days[i].Counts != nil {
			s.Values[i] = value(&r.Days[i])
		}
	}
	return s
}

func whole(n int64) *float64 { v := float64(n); return &v }

func (r *Report) volume() section {
	hours := map[string]int64{}
	for _, h := range r.Hours {
		hours[h.Day+" "+strconv.FormatInt(h.Hour, 10)] = h.Conversations
	}
	names := make([]string, 24)
	for i := range names {
		names[i] = fmt.Sprintf("%02d:00", i)
	}
	s := section{ID: "volume", Title: "Volume", Charts: []chart{
		r.draw(daily{
			id:    "per-day",
			title: "Conversations per day",
			about: "by how they ended, from the bottom up",
			kind:  "count",
			bars:  true,
			series: []plotSeries{
				r.byDay("no handoff", func(d *DayFigures) *float64 { return whole(d.Counts.Contained) }),
				r.byDay("handed off", func(d *DayFigures) *float64 { return whole(d.Counts.Handoffs) }),
				r.byDay("unknown", func(d *DayFigures) *float64 { return whole(d.Counts.Finished - d.Counts.HandoffKnown) }),
				r.byDay("open", func(d *DayFigures) *float64 { return whole(d.Counts.Open) }),
			},
		}),
		r.drawHeat(heatMap{
			id:         "per-hour",
			title:      "Conversations by day and hour",
			about:      "local time of the start",
			rows:       names,
			labelEvery: 6,
			kind:       "count",
			rowHeight:  10,
			value: func(day, hour int) *float64 {
				if r.Days[day].Counts == nil {
					return nil
				}
				return whole(hours[r.Days[day].Day+" "+strconv.Itoa(hour)])
			},
		}),
	}}
	if len(r.Projects) > 1 {
		s.Lists = append(s.Lists, groupList("by-project", "By project", "Project", r.Projects))
	}
	if len(r.Channels) > 1 {
		s.Lists = append(s.Lists, groupList("by-channel", "By channel", "Channel", r.Channels))
	}
	return s
}

func (r *Report) outcomes() section {
	return section{ID: "outcomes", Title: "Containment and handoffs", Charts: []chart{
		r.draw(daily{
			id:    "rates",
			title: "Rates per day",
			about: "shares of ended conversations; each has its own denominator",
			kind:  "rate",
			series: []plotSeries{
				r.byDay("containment", func(d *DayFigures) *float64 { return d.Counts.ContainmentRate }),
				r.byDay("handoffs", func(d *DayFigures) *float64 { return d.Counts.HandoffRate }),
				r.byDay("abandoned early", func(d *DayFigures) *float64 { return d.Counts.EarlyAbandonRate }),
				r.byDay("contained, no callback in 24 h", func(d *DayFigures) *float64 { return d.Counts.ContainedNoCallbackRate }),
			},
		}),
	}, Lists: []list{r.reasonList(), groupList("by-variant", "By variant", "Variant", r.Variants)}}
}

func groupList(id, title, head string, groups []Group) list {
	l := list{ID: id, Title: title, Table: table{Head: []string{head, "Conversations", "Containment", "Handoffs", "Abandoned early", "Handle time"}}}
	if id == "by-variant" {
		l.About = "Variants are often sites or lines: differences need not come from the agent."
	}
	for _, g := range groups {
		if g.Counts == nil {
			continue
		}
		l.Table.add(float64(g.Counts.Conversations), groupName(&g), grouped(g.Counts.Conversations), percent(g.Counts.ContainmentRate), percent(g.Counts.HandoffRate),
			percent(g.Counts.EarlyAbandonRate), length(g.Counts.AvgTotalSeconds))
	}
	l.Table.finish()
	return l
}

func groupName(g *Group) string {
	switch {
	case g.Name != nil:
		return *g.Name
	case g.ID != nil:
		return *g.ID
	}
	return "none given"
}

func (r *Report) reasonList() list {
	l := list{ID: "reasons", Title: "Handoff reasons", Table: table{Head: []string{"Reason", "Destination", "Handoffs", "Share"}}}
	if r.Before != nil {
		l.Table.Head = append(l.Table.Head, "Previous period")
	}
	total := int64(0)
	for _, x := range r.Reasons {
		total += x.Handoffs
	}
	for _, x := range r.Reasons {
		cells := []string{orNone(x.Reason), orNone(x.Destination), grouped(x.Handoffs), percent(rate(x.Handoffs, total))}
		if r.Before != nil {
			cells = append(cells, grouped(x.Before))
		}
		l.Table.add(float64(x.Handoffs), cells...)
	}
	l.Table.finish()
	return l
}

func (r *Report) latency() section {
	percentile := func(name string, get func(*Latency) *float64) plotSeries {
		return r.byDay(name, func(d *DayFigures) *float64 { return get(&d.Latency) })
	}
	s := section{ID: "latency", Title: "Latency", About: "Of the agent's responses, as the source reports it. Percentiles are over turns, not over conversations.", Charts: []chart{
		r.draw(daily{
			id:    "percentiles",
			title: "Percentiles per day",
			kind:  "seconds",
			series: []plotSeries{
				percentile("p50", func(l *Latency) *float64 { return l.P50 }), percentile("p90", func(l *Latency) *float64 { return l.P90 }),
				percentile("p95", func(l *Latency) *float64 { return l.P95 }), percentile("p99", func(l *Latency) *float64 { return l.P99 }),
			},
		}),
		r.drawHeat(heatMap{
			id:         "distribution",
			title:      "Distribution per day",
			about:      "share of the turns of the day",
			rows:       bucketNames[:],
			labelEvery: 1,
			kind:       "rate",
			rowHeight:  24,
			value: func(day, bucket int) *float64 {
				if r.Days[day].Counts == nil {
					return nil
				}
				turns := int64(0)
				for _, n := range r.Days[day].Counts.LatencyBuckets {
					turns += n
				}
				return rate(r.Days[day].Counts.LatencyBuckets[bucket], turns)
			},
		}),
	}}
	for _, by := range []struct {
		id, title, head string
		groups          []Group
	}{{"latency-variants", "Latency by variant", "Variant", r.Variants}, {"latency-deployments", "Latency by deployment", "Deployment", r.Deployments}} {
		l := list{ID: by.id, Title: by.title, Table: table{Head: []string{by.head, "Turns", "p50", "p90", "p95", "p99"}}}
		for _, g := range by.groups {
			if g.Latency == nil {
				continue
			}
			p95 := 0.0
			if g.Latency.P95 != nil {
				p95 = *g.Latency.P95
			}
			l.Table.add(p95, groupName(&g), grouped(g.Latency.Turns), seconds(g.Latency.P50), seconds(g.Latency.P90), seconds(g.Latency.P95), seconds(g.Latency.P99))
		}
		l.About = "The bar is the 95th percentile."
		l.Table.finish()
		s.Lists = append(s.Lists, l)
	}
	return s
}

// talk has the drop-off and the metrics.
func (r *Report) talk() section {
	steps := list{ID: "drop-off", Title: "Drop-off by turn", About: fmt.Sprintf("Ended conversations with a complete transcript, by their number of turns; the last row is %d turns or more. The bar is the share that reached the turn.", lastStep),
		Table: table{Head: []string{"Turn", "Reached", "Ended with it", "Contained", "Handed off", "Abandoned early", "Unknown"}}}
	for _, step := range r.DropOff {
		turn := strconv.FormatInt(step.Turn, 10)
		if step.Turn == lastStep {
			turn += " or more"
		}
		of := func(outcome string) string { return grouped(step.Outcome[outcome]) }
		steps.Table.add(float64(step.Reached), turn, grouped(step.Reached), grouped(step.Ended), of("contained"), of("handed_off"), of("abandoned_early"), of("unknown"))
	}
	steps.Table.scale()
	metrics := list{ID: "metrics", Title: "Metrics", Table: table{Head: []string{"Metric", "Conversations", "Values", "True", "Average"}}}
	if r.Before != nil {
		metrics.Table.Head = append(metrics.Table.Head, "Conversations before")
	}
	for _, m := range r.Metrics {
		cells := []string{m.Name, grouped(m.Conversations), grouped(m.Entries), percent(m.TrueRate), number(m.NumericAverage)}
		if r.Before != nil {
			cells = append(cells, grouped(m.Before))
		}
		metrics.Table.add(float64(m.Conversations), cells...)
	}
	metrics.Table.finish()
	return section{ID: "talk", Title: "In the conversations", Lists: []list{steps, metrics}}
}

// outcomeNames are the values of contacts.outcome for people.
var outcomeNames = map[string]string{"contained": "contained", "handed_off": "handed off", "abandoned_early": "abandoned early", "open": "open", "unknown": "unknown"}

func (r *Report) customers() section {
	l := list{ID: "repeats", Title: "Repeat contacts", About: "Whether the same number made contact again, by the outcome of the first contact. Unknown: the number is withheld, or the time after it was not read yet.",
		Table: table{Head: []string{"Outcome", "Again within 24 h", "Share", "Known", "Again within 7 days", "Share", "Known"}}}
	if r.Current == nil {
		return section{}
	}
	for _, x := range r.Current.Repeats {
		l.Table.add(float64(x.Within7d), outcomeNames[x.Outcome], grouped(x.Within24h), percent(rate(x.Within24h, x.Known24h)), grouped(x.Known24h),
			grouped(x.Within7d), percent(rate(x.Within7d, x.Known7d)), grouped(x.Known7d))
	}
	l.Table.finish()
	return section{ID: "customers", Title: "Customers", Lists: []list{l}}
}

// transcriptNames are the values of transcript_status for people.
var transcriptNames = map[string]string{
	"complete":    "complete",
	"hidden":      "hidden: the source returned no turns",
	"hidden_kept": "hidden now; the stored turns remain",
	"short":       "fewer turns than the source counts",
	"none":        "no turns",
}

// quality has what the data lacks, and how fresh it is.
func (r *Report) quality() section {
	s := section{ID: "quality", Title: "Data quality"}
	if r.Current != nil {
		transcripts := list{ID: "transcripts", Title: "Transcripts", About: "Of ended conversations.", Table: table{Head: []string{"Transcript", "Conversations", "Share"}}}
		total := int64(0)
		for _, n := range r.Current.Transcripts {
			total += n
		}
		for _, status := range slices.SortedFunc(maps.Keys(r.Current.Transcripts), func(a, b string) int { return int(r.Current.Transcripts[b] - r.Current.Transcripts[a]) }) {
			n := r.Current.Transcripts[status]
			transcripts.Table.add(float64(n), transcriptNames[status], grouped(n), percent(rate(n, total)))
		}
		transcripts.Table.finish()
		lost := list{ID: "lost", Title: "In no other figure", Table: table{Head: []string{"Reason", "Conversations"}}}
		lost.Table.add(-1, "the source no longer lists them", grouped(r.Current.Missing))
		for _, x := range r.Current.Rejected {
			lost.Table.add(-1, "could not be read: "+x.Reason, grouped(x.Count))
		}
		s.Lists = append(s.Lists, transcripts, lost)
	}
	if len(r.Feeds) > 0 {
		s.Lists = append(s.Lists, r.freshness())
	}
	return s
}

func (r *Report) freshness() list {
	l := list{ID: "freshness", Title: "Freshness and lateness", About: "As of now, not of the period. Lateness is the time from the start of a conversation until it was first read, and until it was first read as ended.",
		Table: table{Head: []string{"Project", "Read up to", "First read: p50", "p95", "p99", "As ended: p50", "p95", "p99", "Open"}}}
	for i := range r.Feeds {
		f := &r.Feeds[i]
		until := "not yet"
		if f.CoveredUntil != nil {
			until = f.CoveredUntil.In(f.read.Zone).Format("2 Jan 2006, 15:04 MST")
		}
		l.Table.add(-1, f.ProjectID, until, length(f.Arrival.P50), length(f.Arrival.P95), length(f.Arrival.P99),
			length(f.Final.P50), length(f.Final.P95), length(f.Final.P99), grouped(f.Open))
	}
	l.Table.finish()
	return l
}

// add adds a row. size is the length of its bar in any unit; less than 0: none.
func (t *table) add(size float64, cells ...string) {
	t.Rows = append(t.Rows, tableRow{Cells: cells, Bar: size})
}

// scale makes the lengths of the bars percentages of the longest.
func (t *table) scale() {
	longest := 0.0
	for _, row := range t.Rows {
		longest = max(longest, row.Bar)
	}
	for i := range t.Rows {
		if t.Rows[i].Bar > 0 {
			t.Rows[i].Bar = t.Rows[i].Bar / longest * 100
		}
	}
}

// finish limits the table.
func (t *table) finish() {
	t.scale()
	if t.More = len(t.Rows) - shownRows; t.More > 0 {
		t.Rows = t.Rows[:shownRows]
	}
}

// MoreRows is the number of rows that are not shown.
func (t table) MoreRows() int64 { return int64(t.More) }

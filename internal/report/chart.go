package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// chart is a picture with a table of the same values.
type chart struct {
	ID, Title, About string
	Alt              string
	High             float64 // of the picture
	Picture          template.HTML
	Legend           []key
	Table            table
	Plot             *plot // for the chart library; nil: the picture only
}

// key is an entry of a legend.
type key struct {
	Class, Text string
	IsLine      bool // it has the dashes of the line, for those who see no colors
}

// IsSeries reports whether it names a series, as the legend of the library does, too.
func (k key) IsSeries() bool { return strings.HasPrefix(k.Class, "s") }

// table has a row for each thing. The first cell of a row is its name.
type table struct {
	Head []string
	Rows []tableRow
	More int // rows that are not shown
}

type tableRow struct {
	Cells []string
	Bar   float64 // percent of the longest bar; less than 0: the table has no bars
}

// plot is the data of a chart for the library, by day.
type plot struct {
	ID     string       `json:"id"`
	States []string     `json:"states"` // of the days
	Days   []int64      `json:"days"`   // seconds since 1970 of midnight in UTC
	Series []plotSeries `json:"series"`
	Bars   bool         `json:"bars"` // stacked, the first series at the bottom
	Kind   string       `json:"kind"` // of the values: count, rate or seconds
	Top    float64      `json:"top"`
}

type plotSeries struct {
	Name   string     `json:"name"`
	Values []*float64 `json:"values"`
}

// daily is a chart by day.
type daily struct {
	id, title, about string
	kind             string // count, rate or seconds
	bars             bool
	series           []plotSeries
}

// frame is the plot area of a chart by day.
type frame struct {
	days []DayFigures
	high float64
}

func (f *frame) width() float64 { return float64(frameRight-frameLeft) / float64(max(len(f.days), 1)) }

// x is the left end of a day.
func (f *frame) x(day int) float64 { return frameLeft + float64(day)*f.width() }

// marks draws what is known about the days: which were not read, and which are
// not complete.
func (f *frame) marks(s *svg) {
	for i := range f.days {
		switch d := &f.days[i]; d.State {
		case DayNotRead:
			s.rect("notread", f.x(i), frameTop, f.width(), f.high, shown(d.Day)+": not read")
		case DayPartial:
			s.rect("partial", f.x(i), frameTop+f.high+1, f.width(), 5, shown(d.Day)+": not complete")
		}
	}
}

// labels writes at most eight days below the plot area.
func (f *frame) labels(s *svg) {
	step := (len(f.days) + 7) / 8
	for i := 0; i < len(f.days); i += max(step, 1) {
		day, _ := time.Parse(time.DateOnly, f.days[i].Day)
		s.text(f.x(i)+f.width()/2, frameTop+f.high+20, "middle", day.Format("2 Jan"))
	}
}

// stateKeys are the legend of marks.
func (f *frame) stateKeys() (keys []key) {
	seen := map[string]bool{}
	for i := range f.days {
		seen[f.days[i].State] = true
	}
	if seen[DayPartial] {
		keys = append(keys, key{Class: "partial", Text: "day not complete"})
	}
	if seen[DayNotRead] {
		keys = append(keys, key{Class: "notread", Text: "day not read"})
	}
	return keys
}

func (r *Report) draw(d daily) chart {
	f := frame{r.Days, plotHeight}
	top := niceCeiling(d.highest(len(r.Days)))
	if d.kind == "rate" {
		top = 1
	}
	c := chart{
		ID:    d.id,
		Title: d.title,
		About: d.about,
		High:  plotHeight + 36,
		Alt:   d.describe(),
		Table: d.table(r.Days),
	}
	s := &svg{}
	y := func(v float64) float64 { return frameTop + plotHeight*(1-v/top) }
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		s.line(frameLeft, y(share*top), frameRight, y(share*top))
		if share == 0 || share == 0.5 || share == 1 {
			s.text(frameLeft-6, y(share*top)+4, "end", inKind(d.kind, share*top))
		}
	}
	f.marks(s)
	f.labels(s)
	if d.bars {
		d.drawBars(s, &f, y)
	} else {
		d.drawLines(s, &f, y)
	}
	c.Picture = s.picture()
	c.Plot = &plot{
		ID:     d.id,
		Series: d.series,
		Bars:   d.bars,
		Kind:   d.kind,
		Top:    top,
	}
	for i := range r.Days {
		day, _ := time.Parse(time.DateOnly, r.Days[i].Day)
		c.Plot.Days, c.Plot.States = append(c.Plot.Days, day.Unix()), append(c.Plot.States, r.Days[i].State)
	}
	for i := range d.series {
		c.Legend = append(c.Legend, key{fmt.Sprintf("s%d", i), d.series[i].Name, !d.bars})
	}
	c.Legend = append(c.Legend, f.stateKeys()...)
	return c
}

// highest is the top of the highest bar or point.
func (d *daily) highest(days int) (highest float64) {
	for day := range days {
		sum := 0.0
		for i := range d.series {
			if v := d.series[i].Values[day]; v != nil && d.bars {
				sum += *v
			} else if v != nil {
				sum = max(sum, *v)
			}
		}
		highest = max(highest, sum)
	}
	return highest
}

func (d *daily) drawBars(s *svg, f *frame, y func(float64) float64) {
	for day := range f.days {
		base := 0.0
		for i := range d.series {
			v := d.series[i].Values[day]
			if v == nil || *v == 0 {
				continue
			}
			s.rect(fmt.Sprintf("s%d", i), f.x(day)+f.width()*0.1, y(base+*v), f.width()*0.8, y(base)-y(base+*v), d.tip(f.days[day].Day, i, v))
			base += *v
		}
	}
}

// drawLines draws lines that are interrupted at days without a value.
func (d *daily) drawLines(s *svg, f *frame, y func(float64) float64) {
	for i := range d.series {
		class := fmt.Sprintf("s%d", i)
		var points []string
		for day, v := range d.series[i].Values {
			if v == nil {
				s.polyline(class, points)
				points = nil
				continue
			}
			points = append(points, num(f.x(day)+f.width()/2)+","+num(y(*v)))
		}
		s.polyline(class, points)
		for day, v := range d.series[i].Values {
			if v != nil {
				s.dot(class, f.x(day)+f.width()/2, y(*v), d.tip(f.days[day].Day, i, v))
			}
		}
	}
}

func (d *daily) tip(day string, series int, v *float64) string {
	return shown(day) + ", " + d.series[series].Name + ": " + inKind(d.kind, *v)
}

// describe is the text alternative: the last and the highest value of each series.
func (d *daily) describe() string {
	var said []string
	for i := range d.series {
		var last, highest *float64
		for _, v := range d.series[i].Values {
			if v != nil {
				last = v
				if highest == nil || *v > *highest {
					highest = v
				}
			}
		}
		if last == nil {
			said = append(said, d.series[i].Name+": no values.")
			continue
		}
		said = append(said, fmt.Sprintf("%s: %s on the last day, at most %s.", d.series[i].Name, inKind(d.kind, *last), inKind(d.kind, *highest)))
	}
	return strings.Join(said, " ")
}

func (d *daily) table(days []DayFigures) table {
	t := table{Head: []string{"Day"}}
	for i := range d.series {
		t.Head = append(t.Head, d.series[i].Name)
	}
	t.Head = append(t.Head, "State")
	for day := range days {
		row := tableRow{Cells: []string{shown(days[day].Day)}, Bar: -1}
		for i := range d.series {
			text := absent
			if v := d.series[i].Values[day]; v != nil {
				text = inKind(d.kind, *v)
			}
			row.Cells = append(row.Cells, text)
		}
		row.Cells = append(row.Cells, strings.ReplaceAll(days[day].State, "_", " "))
		t.Rows = append(t.Rows, row)
	}
	return t
}

// inKind formats a value of a kind.
func inKind(kind string, v float64) string {
	switch kind {
	case "rate":
		return percent(&v)
	case "seconds":
		return seconds(&v)
	}
	return grouped(int64(v))
}

package serve

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Chart is a chart of one or more daily series.
type Chart struct {
	Title  string
	Unit   string // of the values, such as ms or %
	Bars   bool   // draw bars, as for counts, instead of lines
	Days   []time.Time
	Series []Series // at most three, so that their colors are distinct
}

// Series is one value per day.
type Series struct {
	Name   string
	Values []float64 // one per day; NaN: none
}

// The size of a chart, and the frame of its plot area.
const (
	chartWidth, chartHeight = 400, 180
	frameLeft, frameRight   = 46, 396
	frameTop, frameBottom   = 10, 156
)

// chartView is a chart on the page, as a picture and as a table.
type chartView struct {
	ID, Title, Unit, Alt string
	Lines                []gridLine
	Labels               []axisLabel
	Shapes               []shape
	Series               []string
	Rows                 []chartRow
}

type gridLine struct {
	Y    float64
	Text string
}

type axisLabel struct {
	X            float64
	Anchor, Text string
}

// shape is a line, dot or bar of a series.
type shape struct {
	Series           int
	Points           string // of a line
	X, Y, Wide, High float64
	Dot              bool
	Tip              string
}

type chartRow struct {
	Day    string
	Values []string
}

const shownDay = "2 Jan 2006"

func newChartView(id string, c *Chart) chartView {
	v := chartView{ID: id, Title: c.Title, Unit: c.Unit}
	top := niceCeiling(c.highest())
	for _, share := range []float64{0, 0.5, 1} {
		v.Lines = append(v.Lines, gridLine{heightOf(share*top, top), figure(share * top)})
	}
	for i := range c.Series {
		v.Series = append(v.Series, c.Series[i].Name)
		if c.Bars {
			v.Shapes = append(v.Shapes, c.bars(i, top)...)
		} else {
			v.Shapes = append(v.Shapes, c.lines(i, top)...)
		}
	}
	if n := len(c.Days); n > 0 {
		v.Labels = []axisLabel{{frameLeft, "start", c.Days[0].Format(shownDay)}}
		if n > 1 {
			v.Labels = append(v.Labels, axisLabel{frameRight, "end", c.Days[n-1].Format(shownDay)})
		}
	}
	v.Alt, v.Rows = c.describe(), c.table()
	return v
}

// value returns the value of a day, or NaN if there is none.
func (s *Series) value(day int) float64 {
	if day >= len(s.Values) || math.IsInf(s.Values[day], 0) {
		return math.NaN()
	}
	return s.Values[day]
}

func (c *Chart) highest() float64 {
	highest := 0.0
	for i := range c.Series {
		for day := range c.Days {
			if v := c.Series[i].value(day); v > highest {
				highest = v
			}
		}
	}
	return highest
}

// niceCeiling rounds v up to 1, 2, 4, 5 or 10 times a power of ten.
func niceCeiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 4, 5} {
		if v <= step*power {
			return step * power
		}
	}
	return 10 * power
}

func heightOf(v, top float64) float64 {
	return round2(frameBottom - max(v, 0)/top*(frameBottom-frameTop))
}

// dayWidth is the width of one day.
func (c *Chart) dayWidth() float64 {
	return float64(frameRight-frameLeft) / float64(max(len(c.Days), 1))
}

func (c *Chart) bars(series int, top float64) (shapes []shape) {
	wide := c.dayWidth() * 0.8 / float64(len(c.Series))
	for day := range c.Days {
		v := c.Series[series].value(day)
		if math.IsNaN(v) {
			continue
		}
		y := heightOf(v, top)
		x := frameLeft + (float64(day)+0.1)*c.dayWidth() + float64(series)*wide
		shapes = append(shapes, shape{
			Series: series,
			X:      round2(x),
			Y:      y,
			Wide:   round2(wide),
			High:   round2(frameBottom - y),
			Tip:    c.tip(series, day),
		})
	}
	return shapes
}

// lines draws a line that is interrupted at days without a value.
func (c *Chart) lines(series int, top float64) (shapes []shape) {
	var points []string
	dots := make([]shape, 0, len(c.Days))
	finish := func() {
		if len(points) > 1 {
			shapes = append(shapes, shape{Series: series, Points: strings.Join(points, " ")})
		}
		points = nil
	}
	for day := range c.Days {
		v := c.Series[series].value(day)
		if math.IsNaN(v) {
			finish()
			continue
		}
		x, y := round2(frameLeft+(float64(day)+0.5)*c.dayWidth()), heightOf(v, top)
		points = append(points, fmt.Sprintf("%g,%g", x, y))
		dots = append(dots, shape{
			Series: series,
			X:      x,
			Y:      y,
			Dot:    true,
			Tip:    c.tip(series, day),
		})
	}
	finish()
	return append(shapes, dots...)
}

func (c *Chart) tip(series, day int) string {
	s := &c.Series[series]
	return fmt.Sprintf("%s, %s: %s", c.Days[day].Format(shownDay), s.Name, c.inUnit(s.value(day)))
}

func (c *Chart) inUnit(v float64) string {
	if math.IsNaN(v) {
		return "none"
	}
	return strings.TrimSpace(figure(v) + " " + c.Unit)
}

// describe returns the last and highest values as the text alternative of the picture.
func (c *Chart) describe() string {
	var said []string
	for i := range c.Series {
		s, last, highest := &c.Series[i], math.NaN(), math.NaN()
		for day := range c.Days {
			v := s.value(day)
			if math.IsNaN(v) {
				continue
			}
			last = v
			if math.IsNaN(highest) || v > highest {
				highest = v
			}
		}
		said = append(said, fmt.Sprintf("%s: %s on the last day, maximum %s.", s.Name, c.inUnit(last), c.inUnit(highest)))
	}
	return strings.Join(said, " ")
}

// table lists the values, newest day first.
func (c *Chart) table() []chartRow {
	var rows []chartRow
	for day := len(c.Days) - 1; day >= 0; day-- {
		row := chartRow{Day: c.Days[day].Format(shownDay)}
		for i := range c.Series {
			row.Values = append(row.Values, c.inUnit(c.Series[i].value(day)))
		}
		rows = append(rows, row)
	}
	return rows
}

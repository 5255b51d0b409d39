package report

import (
	"fmt"
	"math"
	"strings"
)

// heatMap has a value for each day and row. Rows are drawn from the bottom up.
type heatMap struct {
	id, title, about string
	rows             []string
	labelEvery       int
	kind             string // count or rate
	rowHeight        float64
	value            func(day, row int) *float64 // nil: the day was not read
}

// shades is the number of colors of a heat map, from low to high.
const shades = 7

func (r *Report) drawHeat(h heatMap) chart {
	f := frame{r.Days, h.rowHeight * float64(len(h.rows))}
	top := 0.0
	for day := range r.Days {
		for row := range h.rows {
			if v := h.value(day, row); v != nil {
				top = max(top, *v)
			}
		}
	}
	s, high := &svg{}, heatPeak{}
	for row, name := range h.rows {
		y := frameTop + f.high - float64(row+1)*h.rowHeight
		if row%h.labelEvery == 0 {
			s.text(frameLeft-6, y+h.rowHeight/2+4, "end", name)
		}
		for day := range r.Days {
			v := h.value(day, row)
			if v == nil {
				continue
			}
			tip := fmt.Sprintf("%s, %s: %s", shown(r.Days[day].Day), name, inKind(h.kind, *v))
			s.rect(fmt.Sprintf("h%d", shade(*v, top)), f.x(day), y, math.Max(f.width()-1, f.width()*0.8), h.rowHeight-1, tip)
			high.note(*v, tip)
		}
	}
	f.marks(s)
	f.labels(s)
	c := chart{
		ID:      h.id,
		Title:   h.title,
		About:   h.about,
		High:    f.high + 36,
		Picture: s.picture(),
		Alt:     high.text(),
		Table:   h.table(r.Days),
	}
	for i := range shades {
		if from, to := top*float64(i)/shades, top*float64(i+1)/shades; i == 0 || i == shades-1 || h.kind == "rate" || math.Floor(to) > math.Floor(from) {
			c.Legend = append(c.Legend, key{Class: fmt.Sprintf("h%d", i), Text: "up to " + inKind(h.kind, to)})
		}
	}
	c.Legend = append(c.Legend, f.stateKeys()...)
	return c
}

// shade is the color of a value: 0 only for nothing or little.
func shade(v, top float64) int {
	if v <= 0 || top <= 0 {
		return 0
	}
	return min(shades-1, int(math.Ceil(v/top*shades))-1)
}

// heatPeak is the highest value, for the text alternative.
type heatPeak struct {
	value float64
	tip   string
}

func (p *heatPeak) note(v float64, tip string) {
	if v > p.value {
		p.value, p.tip = v, tip
	}
}

func (p *heatPeak) text() string {
	if p.tip == "" {
		return "No values."
	}
	return "Highest: " + p.tip + "."
}

// table has a row for each day.
func (h *heatMap) table(days []DayFigures) table {
	t := table{Head: append([]string{"Day"}, h.rows...)}
	for day := range days {
		row := tableRow{Cells: []string{shown(days[day].Day)}, Bar: -1}
		if days[day].State != DayComplete {
			row.Cells[0] += " (" + strings.ReplaceAll(days[day].State, "_", " ") + ")"
		}
		for i := range h.rows {
			text := absent
			if v := h.value(day, i); v != nil {
				text = inKind(h.kind, *v)
			}
			row.Cells = append(row.Cells, text)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

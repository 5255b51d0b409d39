package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The size of the charts, and the frame of their plot area.
const (
	chartWidth            = 760
	frameLeft, frameRight = 76, 752
	frameTop              = 8
	plotHeight            = 190
)

// svg builds a picture.
type svg struct{ b strings.Builder }

func (s *svg) rect(class string, x, y, wide, high float64, tip string) {
	fmt.Fprintf(&s.b, `<rect class=%q x=%q y=%q width=%q height=%q>`, class, num(x), num(y), num(wide), num(high))
	if tip != "" {
		s.b.WriteString("<title>" + template.HTMLEscapeString(tip) + "</title>")
	}
	s.b.WriteString("</rect>\n")
}

func (s *svg) line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(&s.b, `<line class="grid" x1=%q y1=%q x2=%q y2=%q/>`+"\n", num(x1), num(y1), num(x2), num(y2))
}

func (s *svg) text(x, y float64, anchor, text string) {
	fmt.Fprintf(&s.b, `<text x=%q y=%q text-anchor=%q>%s</text>`+"\n", num(x), num(y), anchor, template.HTMLEscapeString(text))
}

func (s *svg) dot(class string, x, y float64, tip string) {
	fmt.Fprintf(&s.b, `<circle class=%q cx=%q cy=%q r="2.5"><title>%s</title></circle>`+"\n", class, num(x), num(y), template.HTMLEscapeString(tip))
}

func (s *svg) polyline(class string, points []string) {
	if len(points) > 1 {
		fmt.Fprintf(&s.b, `<polyline class=%q points=%q/>`+"\n", class, strings.Join(points, " "))
	}
}

// picture returns the content of the picture; all text in it is escaped.
func (s *svg) picture() template.HTML {
	return template.HTML(s.b.String()) //nolint:gosec // the methods escape it
}

func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// niceCeiling rounds up to 1, 2, 4, 5 or 10 times a power of ten.
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

package extract

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/polyai"
)

// naming is how an API that pages by offset names the next page.
type naming int

const (
	namesNext   naming = iota // while there is one
	namesAlways               // also after the last page
	namesAsked                // always, as offset + limit, whatever limit is used
	namesSame                 // while there is one, as the offset of this page
	namesNever                // v1 and v2 only
)

// offsetList is a list that is read by offset, newest first.
type offsetList struct {
	rows   []int
	most   int // rows of a page, whatever the requested limit
	naming naming
	v3     bool
}

func (l *offsetList) answer(offset, limit int) (rows []int, link polyai.Link) {
	from := min(offset, len(l.rows))
	end := min(from+min(limit, l.most), len(l.rows))
	link.MayBeOmitted = !l.v3
	next, more := end, end < len(l.rows)
	switch l.naming {
	case namesAlways:
		more = true
	case namesAsked:
		next, more = offset+limit, true
	case namesSame:
		next = offset
	case namesNever:
		more = false
	case namesNext:
	}
	if more {
		link.OffsetNamed, link.Offset = true, int64(next)
	}
	return l.rows[from:end], link
}

// read reads the list like a slice, without a source; before is called before each page.
func (l *offsetList) read(a *account, limit int, before func()) (got map[int]bool, requests int, err error) {
	pager := newPager(a, &pageCount{})
	q := &polyai.ListQuery{Limit: limit}
	got = map[int]bool{}
	for more := true; more && err == nil; {
		before()
		requests++
		rows, link := l.answer(int(q.Offset), q.Limit)
		page := &answered{link: link}
		for _, row := range rows {
			got[row] = true
			page.keys = append(page.keys, rowKey(row))
		}
		more, err = pager.next(q, page)
	}
	return got, requests, err
}

func numbers(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i + 1
	}
	return rows
}

func TestPager(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list     offsetList
		limit    int
		requests int // at most
	}{
		"LimitLowered":       {offsetList{numbers(450), 100, namesNext, true}, 500, 5},
		"LimitLoweredAlways": {offsetList{numbers(450), 100, namesAlways, true}, 500, 7},
		"LimitLoweredAsked":  {offsetList{numbers(450), 100, namesAsked, false}, 500, 7},
		"LimitLoweredNever":  {offsetList{numbers(450), 100, namesNever, false}, 500, 6},
		"OffsetStands":       {offsetList{numbers(450), 100, namesSame, true}, 100, 5},
		"LastPageFull":       {offsetList{numbers(300), 100, namesNext, true}, 100, 4},
		"LastPageFullNever":  {offsetList{numbers(298), 100, namesNever, false}, 100, 5},
		"OnePage":            {offsetList{numbers(7), 100, namesNext, true}, 100, 1},
		"OnePageNever":       {offsetList{numbers(7), 100, namesNever, false}, 100, 2},
		"OneRowNever":        {offsetList{numbers(1), 100, namesNever, false}, 100, 3},
		"Empty":              {offsetList{nil, 100, namesAlways, false}, 100, 1},
		"PagesOfOne":         {offsetList{numbers(20), 1000, namesNext, false}, 1, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, requests, err := c.list.read(newAccount(), c.limit, func() {})
			if err != nil || len(got) != len(c.list.rows) || requests > c.requests {
				t.Errorf("%d of %d rows in %d requests, %v", len(got), len(c.list.rows), requests, err)
			}
		})
	}
}

// Whichever rows are removed or added between two pages, reading either fails or returns all
// rows that existed throughout.
func TestPagerChangingList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := offsetList{
			rows:   numbers(rapid.IntRange(0, 60).Draw(t, "rows")),
			most:   rapid.SampledFrom([]int{2, 3, 7, 10, 60, 200}).Draw(t, "most"),
			naming: naming(rapid.IntRange(0, 4).Draw(t, "naming")),
		}
		list.v3 = list.naming != namesNever && rapid.Bool().Draw(t, "v3")
		next := 1000
		throughout := map[int]bool{}
		for _, row := range list.rows {
			throughout[row] = true
		}
		pages := 0
		change := func() {
			if pages++; pages > 30 { // a list that grows as fast as it is read has no end
				return
			}
			for range rapid.SampledFrom([]int{0, 0, 1, 1, 3}).Draw(t, "changes") {
				at := rapid.IntRange(0, len(list.rows)).Draw(t, "at")
				switch rapid.IntRange(0, 2).Draw(t, "kind") {
				case 0:
					if at < len(list.rows) {
						delete(throughout, list.rows[at])
						list.rows = slices.Delete(list.rows, at, at+1)
					}
				case 1:
					at = 0
					fallthrough
				default:
					next++
					list.rows = slices.Insert(list.rows, at, next)
				}
			}
		}
		got, _, err := list.read(newAccount(), rapid.SampledFrom([]int{1, 2, 10, 100}).Draw(t, "limit"), change)
		if err != nil {
			if !isPaging(err) {
				t.Fatal(err)
			}
			return
		}
		for row := range throughout {
			if !got[row] {
				t.Fatalf("row %d is missing, and nothing was reported", row)
			}
		}
	})
}

// Changes that skip no row do not restart the slice.
func TestPagerTolerates(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*offsetList, int){
		"NewRows":       func(l *offsetList, n int) { l.rows = append([]int{-2 * n, -2*n - 1}, l.rows...) },
		"OneGone":       func(l *offsetList, n int) { l.rows = slices.Delete(l.rows, 3, 4) },
		"OneGoneOneNew": func(l *offsetList, n int) { l.rows[0], l.rows[1] = -n, l.rows[0] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := offsetList{numbers(450), 100, namesNext, true}
			n := 0
			got, _, err := list.read(newAccount(), 100, func() {
				if n++; n > 1 {
					change(&list, n)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range list.rows {
				if row > 0 && !got[row] {
					t.Errorf("row %d is missing", row)
				}
			}
		})
	}
}

func TestPagerLearns(t *testing.T) {
	t.Parallel()
	a := newAccount()
	list := offsetList{numbers(250), 100, namesNext, false}
	if _, _, err := list.read(a, 500, func() {}); err != nil || a.pageSize(500) != 100 || a.pageSize(50) != 50 {
		t.Errorf("pages of %d rows, %v; the source has 100", a.pageSize(500), err)
	}
	list.rows = list.rows[:7]
	if _, requests, err := list.read(a, 500, func() {}); err != nil || requests != 1 {
		t.Errorf("%d requests for a page without a next one, where the source names it if there is one: %v", requests, err)
	}
	if a.pageSize(500) != 100 {
		t.Errorf("a last page of 7 rows changed the size to %d", a.pageSize(500))
	}
}

// FilterIgnored: if a source ignores the requested range and returns everything, the slice is
// not cut again and again.
func TestWalkIsDense(t *testing.T) {
	t.Parallel()
	hour := Span{aDay.From, aDay.From + 3600}
	micros := func(s Second) polyai.Micros { return polyai.Micros(s) * 1e6 }
	for name, c := range map[string]struct {
		seen sample
		want bool
	}{
		"Dense":         {sample{400, micros(hour.From), micros(hour.From + 10), 8, 0}, true},
		"OneIsPlanned":  {sample{400, micros(hour.From), micros(hour.From + 10), 7, 1}, true},
		"FewPages":      {sample{40, micros(hour.From), micros(hour.Until), 8, 0}, false},
		"FilterIgnored": {sample{4000, micros(hour.From), micros(hour.From + 10), 2, 60}, false},
		"AllElsewhere":  {sample{4000, 0, 0, 0, 8}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Reader{PageSize: 10, Session: newSession()}
			w := &walk{
				Reader:   r,
				span:     hour,
				ask:      hour,
				minPages: defaultMinPages,
				seen:     c.seen,
			}
			if got := w.isDense(c.seen.conversations / 10); got != c.want {
				t.Errorf("dense: %t", got)
			}
		})
	}
}

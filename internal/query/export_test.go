//go:build cgo

package query

import "convsync/internal/answer"

// CreatedViews returns the number of views that a source has created.
func CreatedViews(s answer.Source) (n int) {
	for _, v := range s.(*source).views {
		if v.created {
			n++
		}
	}
	return n
}

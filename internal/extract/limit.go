package extract

// lowerLimits are the page sizes to try when the source refuses one: its
// documentation gives different maxima.
var lowerLimits = []int{500, 100}

// limit returns the page size to request instead of asked.
func (a *account) limit(asked int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mostRows > 0 {
		return min(asked, a.mostRows)
	}
	return asked
}

// lowerLimit records that the source refused a page size of the project, and
// reports whether there is a smaller one to try.
func (a *account) lowerLimit(refused int) bool {
	n, ok := LowerLimit(refused)
	if !ok {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mostRows == 0 || n < a.mostRows {
		a.mostRows = n
	}
	return true
}

// LowerLimit returns the page size to try after one that the source refuses.
func LowerLimit(refused int) (limit int, ok bool) {
	for _, n := range lowerLimits {
		if n < refused {
			return n, true
		}
	}
	return 0, false
}

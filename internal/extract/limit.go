package extract

// lowerLimits are the page sizes that are tried when the source refuses one: its
// reference documents different maxima.
var lowerLimits = []int{500, 100}

// limit returns the page size to ask for instead of asked.
func (a *account) limit(asked int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mostRows > 0 {
		return min(asked, a.mostRows)
	}
	return asked
}

// lowerLimit remembers for the project that a page size is refused. It reports
// whether a smaller one can be tried.
func (a *account) lowerLimit(refused int) bool {
	for _, n := range lowerLimits {
		if n < refused {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.mostRows == 0 || n < a.mostRows {
				a.mostRows = n
			}
			return true
		}
	}
	return false
}

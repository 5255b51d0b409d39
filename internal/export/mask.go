package export

import (
	"strings"

	"convsync/internal/warehouse"
)

const (
	stars = "*****" // as many for every number: the length is not disclosed

	shownStart, shownEnd = 3, 3
	// A masked number hides at least this many characters.
	fewestHidden = 4
)

// maskNumber hides the middle of a phone number, as in +44*****123. Anything that
// is not a phone number, such as a SIP address, is hidden completely.
func maskNumber(number warehouse.Text) warehouse.Text {
	if number == "" {
		return ""
	}
	text := string(number)
	if len(text) < shownStart+fewestHidden+shownEnd || strings.Trim(text, "+0123456789 ()-./") != "" {
		return stars
	}
	return warehouse.Text(text[:shownStart] + stars + text[len(text)-shownEnd:])
}

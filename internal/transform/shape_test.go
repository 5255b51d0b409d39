package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"convsync/internal/simulate"
)

// shapeGolden has hashes of fixed conversations, and of what [Shape] makes of them.
var shapeGolden = struct{ shape, conversations, rows string }{
	shape:         "2",
	conversations: "1854b5ef1a372e3062dae2056064fc4194f96459ead5ee7d404b4f7537d56a39",
	rows:          "0018c6cde96878bee21ed2a861260b03632288cc2560a30a23a611b6d6d347a6",
}

// TestShape_Golden fails if the same bytes give other rows under the same transform
// version: conversations with a stored digest would keep their old rows.
func TestShape_Golden(t *testing.T) {
	t.Parallel()
	conversations, rows := sha256.New(), sha256.New()
	for _, v := range simulated(t, 400, 5, simulate.AllDeviations()) {
		conversations.Write(v)
		made, _, err := Rows(v, &asked, 0)
		if err != nil {
			rows.Write([]byte(err.Error()))
			continue
		}
		rows.Write([]byte(made.Conversation.ContentHash))
	}
	got := shapeGolden
	got.shape = Shape
	got.conversations, got.rows = hex.EncodeToString(conversations.Sum(nil)), hex.EncodeToString(rows.Sum(nil))
	switch {
	case got == shapeGolden:
	case got.conversations != shapeGolden.conversations:
		t.Errorf("the simulator returns other conversations: if the transform did not change, record %+v", got)
	case got.shape == shapeGolden.shape:
		t.Errorf("the transform makes other rows of the same bytes: change Shape, then record %+v", got)
	default:
		t.Errorf("the transform version changed: record %+v", got)
	}
}

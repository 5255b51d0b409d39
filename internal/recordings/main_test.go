package recordings

import (
	"testing"

	"convsync/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

package schedule_test

import (
	"testing"
	_ "time/tzdata" // as main carries it

	"convsync/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

package schedule_test

import (
	"testing"
	_ "time/tzdata" // as main carries it

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

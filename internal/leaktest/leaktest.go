package leaktest

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs a package's tests, as its TestMain, and fails where goroutines are
// left. They have a minute to end: a busy machine takes its time.
func Main(m *testing.M) { goleak.VerifyTestMain(patient{m}) }

type patient struct{ *testing.M }

func (p patient) Run() int {
	code := p.M.Run()
	for end := time.Now().Add(time.Minute); code == 0 && goleak.Find() != nil && time.Now().Before(end); {
	}
	return code
}

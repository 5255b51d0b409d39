package notify

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		full := errors.New("the store /srv/recordings is unavailable: no space left on device")
		store := func(failing time.Time, why error) { w.n.Store(t.Context(), failing, why, time.Now()) }
		store(time.Time{}, nil)
		w.expect("it is available")
		since := time.Now()
		store(since, full)
		w.expect("it is full", "Recordings cannot be stored. (convsync on testing)")
		store(since, full)
		w.expect("it is known")
		store(time.Time{}, nil)
		w.expect("it is available again", "Recordings can be stored again.")
	})
}

package parquet

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"convsync/internal/load"
)

// lockPoll is how often a taken lock is asked for again.
const lockPoll = 50 * time.Millisecond

// lock takes the writer's lock, and waits for it as long as the lake is
// patient. Closing the file frees it.
func (l *Lake) lock(ctx context.Context) (*os.File, error) {
	f, err := l.access.open(l.path(lockFile), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, failed("cannot lock the lake "+l.root, err)
	}
	patience := time.NewTimer(l.lockWait)
	defer patience.Stop()
	poll := time.NewTicker(min(lockPoll, l.lockWait))
	defer poll.Stop()
	for {
		ok, err := l.tryLock(f)
		if ok {
			return f, nil
		}
		if err == nil {
			select {
			case <-poll.C:
				continue
			case <-patience.C:
				err = &load.LockedError{Where: "the lake " + l.root, Owner: l.owner()}
			case <-ctx.Done():
				err = ctx.Err()
			}
		} else {
			err = failed("cannot lock the lake "+l.root, err)
		}
		_ = f.Close() // nothing was written
		return nil, err
	}
}

// owner is who began to write last and did not finish; zero when there is
// nobody. It informs only: the lock decides.
func (l *Lake) owner() (owner load.Owner) {
	text, err := l.readFile(l.path(ownerFile))
	if err != nil || json.Unmarshal(text, &owner) != nil {
		return load.Owner{}
	}
	return owner
}

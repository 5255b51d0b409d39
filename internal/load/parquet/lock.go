package parquet

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"convsync/internal/load"
)

// lockPoll is the interval of attempts to take the writer's lock.
const lockPoll = 50 * time.Millisecond

// lock takes the writer's lock. It waits for another writer up to the timeout
// of the lake. Closing the file frees the lock.
func (l *Lake) lock(ctx context.Context) (*os.File, error) {
	f, err := l.access.open(l.path(lockFile), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, failed("cannot lock the lake "+l.root, err)
	}
	timeout := time.NewTimer(l.lockWait)
	defer timeout.Stop()
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
			case <-timeout.C:
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

// owner returns the writer that began last and did not finish; zero if there is
// none. It is only informational: the lock decides.
func (l *Lake) owner() (owner load.Owner) {
	text, err := l.readFile(l.path(ownerFile))
	if err != nil || json.Unmarshal(text, &owner) != nil {
		return load.Owner{}
	}
	return owner
}

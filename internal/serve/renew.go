package serve

import (
	"context"
	"time"
)

// renewEvery is the time after which a changed token or password is in use.
const renewEvery = 10 * time.Second

// renew reloads the secrets regularly, so that they can be changed without a
// restart. If that fails, the previous ones remain in use.
func (g *guard) renew(ctx context.Context, o *Options) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		token, password, err := o.Renew(ctx)
		if err == nil {
			err = checkStrength(token, password)
		}
		switch {
		case err == nil:
			g.set(token, o.BasicUser, password)
		case !failed && ctx.Err() == nil:
			o.Log.Warn("cannot reload the token or the password; keeping the previous one", "error", err)
		}
		failed = err != nil
	}
}

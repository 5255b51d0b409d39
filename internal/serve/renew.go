package serve

import (
	"context"
	"time"
)

// renewEvery is how soon a token or a password that was changed is asked for.
const renewEvery = 10 * time.Second

// renew asks for the secrets again and again, so that they may be changed
// without a restart. Those of before go on where there are none.
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

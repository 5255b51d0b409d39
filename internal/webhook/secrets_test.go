package webhook

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// vault is a source of secrets that counts how often it is read.
type vault struct {
	current []string
	err     error
	reads   int
	hold    chan struct{} // when not nil, a reading waits for it
}

func (v *vault) read(context.Context) ([]string, error) {
	v.reads++
	if v.hold != nil {
		<-v.hold
	}
	return slices.Clone(v.current), v.err
}

func TestSecretsJudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vault{current: []string{"first"}}
		s := &secrets{get: v.read}
		judge := func(secret string) verdict {
			got, err := s.judge(t.Context(), func(all []string) bool { return slices.Contains(all, secret) })
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until a reading in the background has ended
			return got
		}
		want := func(step, secret string, verdict verdict, reads int) {
			t.Helper()
			if got := judge(secret); got != verdict || v.reads != reads {
				t.Errorf("%s: verdict %d after %d readings, want %d after %d", step, got, v.reads, verdict, reads)
			}
		}
		want("forged first", "guess", forged, 1)
		want("current", "first", genuine, 1)
		<-time.After(1)
		want("forged, or rotated", "guess", undecided, 1)
		<-time.After(secretsFresh)
		want("forged, not fresh", "guess", undecided, 1)
		want("not fresh", "first", genuine, 2)
		v.current = []string{"second"}
		<-time.After(1)
		want("rotated just now", "second", undecided, 2)
		<-time.After(secretsStale)
		want("stale", "second", genuine, 3)
		<-time.After(secretsStale)
		want("revoked", "first", forged, 4)
	})
}

// Forgeries cost one reading a minute, however many there are.
func TestSecretsForgeries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vault{current: []string{"first"}}
		s := &secrets{get: v.read}
		for range 600 {
			if got, err := s.judge(t.Context(), func([]string) bool { return false }); got == genuine || err != nil {
				t.Fatal(got, err)
			}
			<-time.After(time.Second)
		}
		if v.reads != 10 {
			t.Errorf("10 minutes of forgeries read the secrets %d times, want 10", v.reads)
		}
	})
}

// A read that hangs blocks no delivery while the cached secrets are usable.
func TestSecretsSlowCommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vault{current: []string{"first"}}
		s := &secrets{get: v.read}
		fits := func(all []string) bool { return slices.Contains(all, "first") }
		if got, err := s.judge(t.Context(), fits); got != genuine || err != nil {
			t.Fatal(got, err)
		}
		v.hold = make(chan struct{})
		<-time.After(secretsFresh)
		for range 3 {
			began := time.Now()
			if got, err := s.judge(t.Context(), fits); got != genuine || err != nil || time.Since(began) != 0 {
				t.Errorf("verdict %d, %v after %v", got, err, time.Since(began))
			}
		}
		synctest.Wait()
		if v.reads != 2 {
			t.Errorf("read %d times, want 2", v.reads)
		}
		close(v.hold)
	})
}

func TestSecretsFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vault{err: errAway}
		s := &secrets{get: v.read}
		for range 30 {
			if _, err := s.judge(t.Context(), func([]string) bool { return true }); err == nil {
				t.Fatal("no secret, and no error")
			}
			<-time.After(time.Second)
		}
		if v.reads != 3 {
			t.Errorf("read %d times in 30 s, want 3", v.reads)
		}
	})
}

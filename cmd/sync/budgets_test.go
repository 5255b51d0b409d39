package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/config"
	"convsync/internal/ratelimit"
)

// TestShared_Rate has two runs at the same time with one key, into two lakes.
func TestShared_Rate(t *testing.T) {
	t.Parallel()
	const rate = 40
	source := newHeldSource(t)
	source.release()
	process := newShared(config.Workers{Extract: 8, Transform: 2, Load: 2})
	requests, shares := make([]int64, 2), make([]*runShare, 2)
	began := time.Now()
	var both sync.WaitGroup
	for i, project := range []string{"acme-slow", "acme-quick"} {
		file := configureTwo(t, source.url, into(inFolder(t, "lake")), "")
		writeFile(t, file, strings.Replace(readFile(t, file), "sync: {", "sync: { page_size: 1,", 1))
		cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range cfg.Projects {
			cfg.Projects[i].MaxRequestsPerSecond = rate // of this machine, a file sets none
		}
		projects, err := chooseProjects(cfg, []string{project})
		if err != nil {
			t.Fatal(err)
		}
		both.Go(func() {
			share := process.join()
			defer share.leave()
			shares[i] = share
			report, err := syncOnce(t.Context(), &app{log: slog.New(slog.DiscardHandler)}, cfg, syncOptions{projects: projects, share: share})
			if err != nil {
				t.Error(err)
				return
			}
			requests[i] = report.Requests
		})
	}
	both.Wait()
	took := time.Since(began)
	if shares[0].sessions[0].budget != shares[1].sessions[0].budget {
		t.Error("two runs with one key have two budgets")
	}
	if all := requests[0] + requests[1]; requests[0] < perProject || requests[1] < perProject || float64(all) > rate*(took.Seconds()+1) {
		t.Errorf("%v requests in %s, at %d a second", requests, took, rate)
	}
}

func TestBudgets_Renewed(t *testing.T) {
	t.Parallel()
	limit := ratelimit.BudgetOptions{PerSecond: 5}
	start := func(b *budgets, key string) *keySession {
		return b.session(hashKey("https://host", key), "host", "p", limit)
	}
	t.Run("Unused", func(t *testing.T) {
		t.Parallel()
		b := &budgets{}
		first, other := start(b, "old"), start(b, "old")
		first.renew(hashKey("https://host", "new"))
		second := start(b, "new")
		if first.budget != other.budget || second.budget != first.budget {
			t.Error("runs with a renewed key have several budgets")
		}
	})
	t.Run("Used", func(t *testing.T) {
		t.Parallel()
		b := &budgets{}
		first, second := start(b, "old"), start(b, "new")
		old := first.budget
		if second.budget == old {
			t.Fatal("two keys share a budget")
		}
		first.renew(hashKey("https://host", "new"))
		first.renew(hashKey("https://host", "new"))
		if first.budget != second.budget || old.users != 0 || second.budget.users != 2 {
			t.Errorf("the renewed key has another budget, or users are %d and %d", old.users, second.budget.users)
		}
		first.end()
		second.end()
		if n := second.budget.users; n != 0 {
			t.Errorf("%d users remain", n)
		}
	})
}

// TestKeptKey_Renewed checks when a renewed key is reported.
func TestKeptKey_Renewed(t *testing.T) {
	t.Parallel()
	keyFile := inFolder(t, "key")
	file := configure(t, "http://127.0.0.1:1", into(inFolder(t, "lake")))
	writeFile(t, file, strings.Replace(readFile(t, file), "api_key: made-up-key", "api_key_file: "+keyFile, 1))
	writeFile(t, keyFile, "first-made-up-key\n")
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	var reported []string
	key := keptKey(&cfg.Projects[0].APIKey, func(key string) { reported = append(reported, key) })
	ask := func(renew bool) {
		t.Helper()
		if _, err := key(context.Background(), renew); err != nil {
			t.Fatal(err)
		}
	}
	ask(false)
	ask(true)
	writeFile(t, keyFile, "second-made-up-key\n")
	ask(false)
	ask(true)
	ask(true)
	if strings.Join(reported, " ") != "second-made-up-key" {
		t.Errorf("reported are %q", reported)
	}
}

func TestBudgets_Options(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &budgets{}
		key := hashKey("https://host", "key")
		allowed := func(s *keySession) float64 {
			_, most, _ := s.budget.Use(time.Now())
			return most
		}
		start := func(perSecond float64) *keySession {
			return b.session(key, "host", "p", ratelimit.BudgetOptions{PerSecond: perSecond})
		}
		first := start(5)
		second := start(2)
		third := start(9)
		if got := allowed(first); got != 2 || second.budget != first.budget || third.budget != first.budget {
			t.Errorf("%g requests per second are allowed, want the lowest: 2", got)
		}
		for _, s := range []*keySession{first, second, third} {
			s.end()
		}
		next := start(9)
		if got := allowed(next); got != 9 || next.budget != first.budget {
			t.Errorf("after these runs, %g are allowed, want 9 and the same budget", got)
		}
		next.end()
		<-time.After(keepBudget + time.Second)
		if start(9).budget == first.budget {
			t.Error("a budget that was not used for long is kept")
		}
	})
}

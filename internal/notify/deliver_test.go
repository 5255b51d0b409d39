package notify

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeliver_Retries(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) (int, error){
		"away":     func(*http.Request) (int, error) { return 0, errors.New("connection refused") },
		"in pain":  func(*http.Request) (int, error) { return http.StatusServiceUnavailable, nil },
		"too busy": func(*http.Request) (int, error) { return http.StatusTooManyRequests, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.network(answer)
				w.ran(report(sales), nil)
				wait(time.Minute)
				if asked, _ := w.count(); asked != tries {
					t.Fatalf("%d tries", asked)
				}
				w.network(nil)
				w.ages(0, 0)
				w.expect("it works again", "could not be read completely")
				w.ages(0, 0)
				w.expect("it was notified")
			})
		})
	}
}

func TestADeliveryThatFailsForATimeSucceedsWithinTheSameEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, failed := newWorld(t, nil), 0
		w.network(func(*http.Request) (int, error) {
			if failed++; failed < tries {
				return http.StatusBadGateway, nil
			}
			return http.StatusOK, nil
		})
		w.ran(report(sales), nil)
		wait(time.Minute)
		w.expect("the last try", "could not be read completely")
	})
}

func TestWhatCannotBecomeRightIsTriedOnceAnEvent(t *testing.T) {
	t.Parallel()
	for status, hint := range map[int]string{
		http.StatusNotFound:          "check that its URL is complete and still valid",
		http.StatusPermanentRedirect: "redirects are not followed",
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.network(func(*http.Request) (int, error) { return status, nil })
				w.ran(report(sales), nil)
				wait(time.Minute)
				w.close()
				if asked, _ := w.count(); asked != 1 || !strings.Contains(w.logs.String(), hint) {
					t.Errorf("%d tries; %s", asked, w.logs.String())
				}
			})
		})
	}
}

func TestDeliver_EndedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.network(func(*http.Request) (int, error) { return 0, errors.New("connection refused") })
		w.ran(report(sales), nil)
		wait(time.Minute)
		w.ran(report(), nil)
		w.network(nil)
		wait(time.Minute)
		w.ages(0, 0)
		w.expect("it is over")
	})
}

func TestAnEndpointThatHangsHoldsUpNeitherARunNorTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.network(func(r *http.Request) (int, error) {
			<-r.Context().Done()
			return 0, r.Context().Err()
		})
		began := time.Now()
		w.ran(report(sales), nil)
		if took := time.Since(began); took != 0 {
			t.Errorf("the run waited for %s", took)
		}
		wait(time.Minute)
		if asked, _ := w.count(); asked != tries {
			t.Errorf("%d tries within a minute", asked)
		}
		w.ran(report(sales), nil)
		began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w.n.Close(ctx)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the end took %s", took)
		}
		if !strings.Contains(w.logs.String(), "no response within 10s") {
			t.Error(w.logs.String())
		}
		w.network(nil)
		w.start()
		w.ages(0, 0)
		w.expect("after a restart", "could not be read completely")
	})
}

func TestTheLastWordsAreStillSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.close()
		w.expect("it ended", "could not be read completely")
		w.ran(report(), nil) // without an effect
		w.close()
	})
}

func TestTheHeartbeatFollowsRunsThatSucceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		expect := func(when string, beats int) {
			t.Helper()
			wait(time.Minute)
			if _, got := w.count(); got != beats {
				t.Fatalf("%s: %d heartbeats and not %d", when, got, beats)
			}
		}
		w.ran(report(sales), nil)
		w.ran(nil, errDestination)
		w.ages(0, 0)
		expect("no run succeeded", 0)
		w.ran(report(), nil)
		expect("a run succeeded", 1)
		w.ages(0, 0)
		expect("no run", 1)
		w.network(func(*http.Request) (int, error) { return 0, errors.New("connection refused") })
		w.ran(report(), nil)
		expect("the network is away", 1)
		w.network(nil)
		w.ages(0, 0)
		expect("an old heartbeat would be a lie", 1)
		w.ran(report(), nil)
		expect("the next run", 2)
	})
}

func TestNoLogNamesMoreOfAURLThanItsHost(t *testing.T) {
	t.Parallel()
	failures := map[string]func(r *http.Request) (int, error){
		"echo":    func(r *http.Request) (int, error) { return 0, errors.New("malformed answer: no " + r.URL.RequestURI()) },
		"refused": func(*http.Request) (int, error) { return http.StatusForbidden, nil },
		"away":    func(*http.Request) (int, error) { return 0, errors.New("connection refused") },
	}
	for name, answer := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.network(answer)
				w.ran(report(sales), nil)
				wait(time.Minute)
				w.ran(report(), nil) // for the heartbeat
				wait(time.Minute)
				w.close()
				if log := w.logs.String(); strings.Contains(log, "made-up") || !strings.Contains(log, "hooks.example.com") {
					t.Error(log)
				}
			})
		})
	}
}

func TestDeliver_InvalidURL(t *testing.T) {
	t.Parallel()
	for url, hint := range map[string]string{
		"":                        "the URL of the webhook is not valid",
		"made-up":                 "the URL of the webhook is not valid",
		"ftp://example.com/x":     "the URL of the webhook is not valid",
		"https://a b/made-up":     "the URL of the webhook is not valid",
		"http://\x7f/made-up":     "the URL of the webhook is not valid",
		"http://example.com/x":    "must use https",
		"http://localhost.evil/x": "must use https",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.WebhookURL = fixed(url) })
				w.ran(report(sales), nil)
				w.close()
				asked, _ := w.count()
				if log := w.logs.String(); asked != 0 || !strings.Contains(log, hint) || strings.Contains(log, "made-up") {
					t.Errorf("asked %d times: %s", asked, log)
				}
			})
		})
	}
}

func TestDeliver_URLResolvedEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		url, missing := "", errors.New("notify.webhook_url_file: no such file")
		w := newWorld(t, func(o *Options) {
			o.WebhookURL = func(context.Context) (string, error) { return url, missing }
		})
		w.ran(report(sales), nil)
		wait(time.Minute)
		w.expect("there is no file")
		url, missing = hookURL, nil
		w.ages(0, 0)
		w.expect("there is one now", "could not be read completely")
		if !strings.Contains(w.logs.String(), "no such file") {
			t.Error(w.logs.String())
		}
	})
}

func TestWithoutAnyWayOfTellingNothingHappens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.WebhookURL, o.HeartbeatURL = nil, nil })
		w.ran(report(sales), nil)
		w.ran(report(), nil)
		w.close()
		if asked, _ := w.count(); asked != 0 || w.logs.String() != "" {
			t.Errorf("asked %d times: %s", asked, w.logs.String())
		}
	})
}

func TestOptionsThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Format: "teams"}, {StaleAfter: -time.Hour}, {StatePath: t.TempDir()}} {
		if n, err := New(o); err == nil {
			n.Close(t.Context())
			t.Errorf("%+v was taken", o)
		}
	}
}

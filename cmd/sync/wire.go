package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// dataURL and agentsURL are the hosts that a project is read from; "" when the
// configuration names none.
func dataURL(p *config.Project) string {
	region, _ := polyai.LookupRegion(p.Region)
	return cmp.Or(p.BaseURL, hostURL(region.DataHost))
}

func agentsURL(p *config.Project) string {
	region, _ := polyai.LookupRegion(p.Region)
	return cmp.Or(p.AgentsBaseURL, hostURL(region.BuildHost))
}

// audioURL is the host of recordings. If only base_url names a host, that host
// serves all APIs, like `convsync simulate` or a proxy.
func audioURL(p *config.Project) string { return cmp.Or(agentsURL(p), p.BaseURL) }

// audioKinds returns the kinds of recordings that are listed of each conversation.
func audioKinds(p *config.Project) (kinds []transform.AudioKind) {
	for _, kind := range p.Audio.Kinds() {
		kinds = append(kinds, transform.AudioKind(kind))
	}
	return kinds
}

func hostURL(host string) string {
	if host == "" {
		return ""
	}
	return "https://" + host
}

// rootCAs returns the trusted certificates; nil for those of the system.
func rootCAs(cfg *config.Config) *x509.CertPool {
	pem := cfg.Source.CACertificates
	if pem == nil {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(pem)
	return roots
}

// keptKey reads a key once, and again after the source has refused it. renewed, if not nil, is called with each key that replaces another one.
func keptKey(secret *config.Secret, renewed func(key string)) func(ctx context.Context, renew bool) (string, error) {
	var mu sync.Mutex
	key, known := "", false
	return func(ctx context.Context, renew bool) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if known && !renew {
			return key, nil
		}
		resolved, err := secret.Resolve(ctx)
		if err != nil {
			return "", err
		}
		if known && resolved != key && renewed != nil {
			renewed(resolved)
		}
		key, known = resolved, true
		return key, nil
	}
}

// newClient makes the client of a project.
func newClient(cfg *config.Config, p *config.Project, key func(ctx context.Context, renew bool) (string, error)) (*polyai.Client, error) {
	return polyai.New(polyai.Options{
		BaseURL:    dataURL(p),
		APIVersion: p.APIVersion,
		Key:        key,
		UserAgent:  "convsync/" + version(),
		RootCAs:    rootCAs(cfg),

		MaxConversationBytes: cfg.Sync.MaxConversationBytes,
	})
}

// phoneRegions are the countries of numbers without a country code, where the
// region has one.
var phoneRegions = map[string]string{"uk": "GB", "us": "US"}

// sourceSide is shared by the feeds of a run.
type sourceSide struct {
	feeds    []pipeline.Feed
	projects []load.Project
	budgets  []pipeline.Budget
	stats    *extract.Stats
}

// newSourceSide makes the feeds of the projects. Projects whose key and host
// are the same share one rate budget. A project whose key cannot be read fails
// alone. If no key can be read, that is an error, unless keepKeyless is set.
func newSourceSide(ctx context.Context, cfg *config.Config, o *syncOptions, log *slog.Logger) (*sourceSide, error) {
	side := &sourceSide{stats: &extract.Stats{}}
	// A single feed may use all permits. Slices that wait for a permit hold none.
	walks := int64(cfg.Sync.Workers.Extract)
	sessions := map[keyHash]*keySession{}
	var keyless []error
	for i := range o.projects {
		p := &o.projects[i]
		var session *keySession
		keyOf := keptKey(&p.APIKey, func(key string) { session.renew(hashKey(dataURL(p), key)) })
		client, err := newClient(cfg, p, keyOf)
		if err != nil {
			return nil, configError(fmt.Errorf("project %s: base_url: %w", p.ID, err))
		}
		key, err := keyOf(ctx, false)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			keyless = append(keyless, fmt.Errorf("project %s: %w", p.ID, err))
		}
		hash := hashKey(dataURL(p), key)
		if sessions[hash] == nil {
			sessions[hash] = o.share.session(cfg, p, hash)
			side.budgets = append(side.budgets, sessions[hash].budget.Budget)
		}
		session = sessions[hash]
		side.projects = append(side.projects, load.Project{Project: storedProject(p), Environments: p.Environments})
		for _, environment := range p.Environments {
			reader := &extract.Reader{
				Source:      client,
				AccountID:   p.AccountID,
				ProjectID:   p.ID,
				Environment: environment,
				PageSize:    cfg.Sync.PageSize,
				Session:     session.Session,
				Slots:       o.share.workers.Requests,
				Walks:       semaphore.NewWeighted(walks),
				Stats:       side.stats,
				Log:         log.With("project", p.StoredID, "environment", environment).Warn,
			}
			side.feeds = append(side.feeds, pipeline.Feed{
				Feed:   load.Feed{ProjectID: p.StoredID, Environment: environment},
				Reader: reader,
				Transform: transform.Options{
					AccountID:    p.AccountID,
					ProjectID:    p.ID,
					StoreAs:      p.StoredID,
					Environment:  environment,
					APIVersion:   p.APIVersion,
					PhoneRegion:  phoneRegions[p.Region],
					AudioBaseURL: audioURL(p),
					Audio:        audioKinds(p),
					Rules:        rulesOf(p),
				},
				Start:   extract.SecondOf(p.Start),
				Refused: err,
			})
		}
	}
	if len(keyless) == len(o.projects) && !o.keepKeyless {
		return nil, configError(errors.Join(keyless...))
	}
	return side, nil
}

// storedProject returns a project as stored in the destination.
func storedProject(p *config.Project) warehouse.Project {
	return warehouse.Project{
		ProjectID: p.StoredID,
		Name:      p.ID,
		AccountID: p.AccountID,
		Region:    warehouse.Text(cmp.Or(p.Region, hostOf(p.BaseURL))),
		TimeZone:  p.TimeZone,
	}
}

func hostOf(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// newOwner identifies this run, for the log of runs and for runs that find the
// lock taken.
func newOwner() load.Owner {
	owner := load.Owner{
		RunID: uuid.Must(uuid.NewV7()).String(), Version: version(),
		ProcessID: os.Getpid(), Started: warehouse.TimestampOf(time.Now()),
	}
	owner.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		owner.Actor = u.Username
	}
	return owner
}

// tiers returns the lookback for the planner.
func tiers(l config.Lookback) []extract.Tier {
	return []extract.Tier{{Depth: l.EachRun}, {Depth: l.Hourly, Every: time.Hour}, {Depth: l.Daily, Every: 24 * time.Hour}}
}

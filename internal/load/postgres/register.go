package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Register stores the projects.
func (w *writer) Register(ctx context.Context, projects []load.Project) error {
	stored, err := w.projects(ctx)
	if err != nil {
		return w.describe(err)
	}
	var put []warehouse.Project
	var since warehouse.Timestamp
	for _, p := range projects {
		if err := w.checkHeld(w.locksOf(p.ProjectID)); err != nil {
			return err
		}
		s, known := stored[p.ProjectID]
		if known {
			if err := load.Mixed(&s, &p.Project); err != nil {
				return err
			}
			p.Project = load.Registered(&s, p.Project)
		}
		w.environments[p.ProjectID] = p.Environments
		if p.Since != 0 && (since == 0 || p.Since < since) {
			since = p.Since
		}
		if !known || s != p.Project {
			put = append(put, p.Project)
		}
	}
	// All months of a first load and of a backfill are created before the first row.
	if since != 0 {
		if err := w.makeMonthsBetween(ctx, since.Time(), w.now().Time(), attachAttempts); err != nil {
			return w.describe(err)
		}
	}
	if len(put) == 0 {
		return nil
	}
	return w.describe(w.commit(ctx, &guarded{
		step:      "register",
		locks:     w.lock.names,
		needsLock: true,
		last:      nothing,
		work: func(tx pgx.Tx) error {
			for _, p := range put {
				_, err := tx.Exec(ctx, `INSERT INTO projects (project_id, name, account_id, region, time_zone, other_id)
				VALUES ($1, $2, $3, nullif($4, ''), $5, nullif($6, ''))
				ON CONFLICT (project_id) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone, other_id = excluded.other_id`,
					p.ProjectID, p.Name, p.AccountID, string(p.Region), p.TimeZone, string(p.OtherID))
				if err != nil {
					return err
				}
			}
			return nil
		},
	}))
}

func nothing(pgx.Tx) error { return nil }

// Projects lists the registered projects, as they are stored.
func (d *Database) Projects(ctx context.Context) ([]warehouse.Project, error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	stored, err := d.projects(ctx)
	if err != nil {
		return nil, d.describe(err)
	}
	return slices.Collect(maps.Values(stored)), nil
}

func (d *Database) projects(ctx context.Context) (map[string]warehouse.Project, error) {
	stored := map[string]warehouse.Project{}
	err := selectAll(ctx, d.pool, &warehouse.Projects, "", func(p *warehouse.Project) { stored[p.ProjectID] = *p })
	return stored, err
}

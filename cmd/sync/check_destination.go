package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func checkDestination(ctx context.Context, c *checklist, cfg *config.Config) {
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		c.wrong("destination", err)
		return
	}
	defer destination.Close() //nolint:errcheck // nothing is written
	if err := destination.Check(ctx); err != nil {
		c.wrong("destination", err)
		return
	}
	c.ok("destination", "%s is writable", cfg.Destination.String())
	checkExposure(c, cfg, destination)
	checkStored(ctx, c, cfg, destination)
}

// checkStored compares the projects with those that the destination remembers.
func checkStored(ctx context.Context, c *checklist, cfg *config.Config, destination load.Destination) {
	stored, err := destination.Projects(ctx)
	if err != nil {
		c.wrong("projects", err)
		return
	}
	var configured []warehouse.Project
	for i := range cfg.Projects {
		configured = append(configured, storedProject(&cfg.Projects[i]))
	}
	for i := range stored { // its next run stores it
		if answered := c.answered[stored[i].ProjectID]; stored[i].OtherID == "" && answered != stored[i].Name {
			stored[i].OtherID = warehouse.Text(answered)
		}
	}
	for i := range configured {
		p := &configured[i]
		if err := load.MixedAmong(stored, p); err != nil {
			c.wrong("projects", err)
		}
		known := stored
		if !slices.ContainsFunc(stored, func(s warehouse.Project) bool { return s.ProjectID == p.ProjectID }) {
			known = append(slices.Clone(stored), configured...)
		}
		if err := load.OtherForm(known, p, c.answered[p.ProjectID]); err != nil {
			c.misconfigure("projects", err)
		}
	}
	checkNames(ctx, c, cfg, destination)
	checkFiles(ctx, c, destination)
}

// checkNames finds projects that the destination could not store.
func checkNames(ctx context.Context, c *checklist, cfg *config.Config, destination load.Destination) {
	checker, ok := destination.(load.ProjectChecker)
	if !ok {
		return
	}
	var projects []load.Project
	for i := range cfg.Projects {
		projects = append(projects, load.Project{Project: storedProject(&cfg.Projects[i])})
	}
	refused, err := checker.CheckProjects(ctx, projects)
	if err != nil {
		c.wrong("projects", err)
	}
	for _, e := range refused {
		c.misconfigure("projects", e)
	}
}

// checkFiles compares what is stored with what was recorded.
func checkFiles(ctx context.Context, c *checklist, destination load.Destination) {
	inspector, ok := destination.(load.Inspector)
	if !ok {
		return
	}
	found, err := inspector.Inspect(ctx)
	if err != nil {
		c.wrong("files", err)
		return
	}
	for i, m := range found {
		if i == listedFiles {
			c.note("files", "and %d more", len(found)-i)
			break
		}
		c.note("files", "%s, %s: %s; the next run of the project reads this time range again",
			m.ProjectID, m.From.Time().Format(time.DateOnly), strings.Join(m.What, ", "))
	}
	if len(found) == 0 {
		c.ok("files", "names and sizes are as recorded in the manifests")
	}
}

package main

import (
	"context"
	"errors"
	"fmt"

	"convsync/internal/config"
	"convsync/internal/plural"
	"convsync/internal/polyai"
	"convsync/internal/recordings"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// mostSampled is how many conversations are asked for a recording, until one has it.
const mostSampled = 3

// checkRecordings requests a recording of a project, if runs request recordings. ids
// are conversations that have ended.
func checkRecordings(ctx context.Context, c *checklist, app *app, cfg *config.Config, p *config.Project, ids []string) {
	if !p.Audio.IsRequested() {
		return
	}
	project, _, err := audioProject(ctx, cfg, p, newShared(cfg.Sync.Workers))
	if err != nil {
		c.misconfigure("recordings", err)
		return
	}
	defer project.Source.(*polyai.BuildClient).Close()
	kind := project.Policy.Kinds[0]
	for _, id := range ids {
		head, err := project.Source.Probe(ctx, polyai.Recording{
			ProjectID:      p.ID,
			ConversationID: id,
			Direction:      kind.Direction,
			Redacted:       kind.Redacted,
		}, polyai.ProbeRange)
		switch {
		case polyai.IsNoRecording(err):
			continue
		case err != nil:
			c.wrong("recordings", fmt.Errorf("%s: %w", p.ID, err))
			return
		}
		c.ok("recordings", "%s at %s: the key is accepted, and a recording%s was found", p.ID, audioURL(p), sizeText(head.Size))
		compareVersions(ctx, c, app, &project, &warehouse.AudioReference{
			ProjectID:      p.StoredID,
			ConversationID: id,
			Direction:      kind.Direction,
			Redacted:       kind.Redacted,
		})
		return
	}
	c.note("recordings", "%s at %s: none of the newest conversations has a recording, so they could not be checked", p.ID, audioURL(p))
}

func sizeText(size int64) string {
	if size < 0 {
		return ""
	}
	return " of " + plural.Size(size)
}

// compareVersions reports whether the key may read raw recordings.
func compareVersions(ctx context.Context, c *checklist, app *app, project *recordings.Project, a *warehouse.AudioReference) {
	downloader := recordings.NewDownloader(project, &recordings.Options{Log: app.log})
	switch differs, err := downloader.Differs(ctx, a); {
	case err != nil:
		c.note("recordings", "%s: it could not be checked whether the key may read raw recordings: %v", project.ID, err)
	case differs:
		c.ok("recordings", "%s: the key may read raw recordings", project.ID)
	default:
		c.note("recordings", "%s: the raw and the redacted version of a recording are the same: the key may read redacted ones only, or there was nothing to redact", project.ID)
	}
}

// checkStore checks that the folder of copies can be used, and that it is not an empty
// one in the place of a disk. It writes nothing there.
func checkStore(ctx context.Context, c *checklist, cfg *config.Config) {
	folder := cfg.Recordings.Store
	if folder == "" {
		return
	}
	err := store.Check(folder)
	if err == nil {
		destination, unreachable := openDestination(ctx, cfg, 0)
		if unreachable == nil { // otherwise its own check has said so
			err = errors.Join(storeIsAway(ctx, cfg, destination), destination.Close())
		}
	}
	if err != nil {
		c.wrong("recordings", err)
		return
	}
	c.ok("recordings", "the folder %s can be used", folder)
}

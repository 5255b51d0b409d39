package main

import (
	"context"
	"fmt"

	"convsync/internal/config"
	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
)

// mostSampled is how many conversations are asked for a recording, until one has it.
const mostSampled = 3

// checkRecordings requests the beginning of a recording of a project, if runs request
// recordings. ids are conversations that have ended.
func checkRecordings(ctx context.Context, c *checklist, cfg *config.Config, p *config.Project, ids []string) {
	if !p.Audio.IsRequested() {
		return
	}
	client, err := newBuildClient(cfg, p, audioURL(p), keptKey(&p.WorkspaceAPIKey, nil))
	if err != nil {
		c.misconfigure("recordings", err)
		return
	}
	defer client.Close()
	kind := p.Audio.Kinds()[0]
	for _, id := range ids {
		head, err := client.Probe(ctx, polyai.Recording{
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
		size := "of unknown size"
		if head.Size >= 0 {
			size = "of " + byteSize(head.Size)
		}
		c.ok("recordings", "%s at %s: the key is accepted, and a recording %s was found", p.ID, audioURL(p), size)
		return
	}
	c.note("recordings", "%s at %s: none of the newest conversations has a recording, so they could not be checked", p.ID, audioURL(p))
}

// checkStore checks that the folder of copies can be used. It writes nothing there.
func checkStore(c *checklist, cfg *config.Config) {
	folder := cfg.Recordings.Store
	if folder == "" {
		return
	}
	if err := store.Check(folder); err != nil {
		c.wrong("recordings", err)
		return
	}
	c.ok("recordings", "the folder %s can be used", folder)
}

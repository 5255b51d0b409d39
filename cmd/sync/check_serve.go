package main

import (
	"context"

	"convsync/internal/config"
	"convsync/internal/serve"
)

// checkServe finds what would keep serve from starting or from taking webhooks:
// secrets that cannot be read or are too short, an address that needs one, TLS
// files. Without schedules there is no serve.
func checkServe(ctx context.Context, c *checklist, cfg *config.Config) {
	if len(cfg.Schedules) == 0 {
		return
	}
	s := &service{cfg: cfg}
	sound := true
	wrong := func(err error) {
		sound = false
		c.misconfigure("serve", err)
	}
	if token, password, err := s.secrets(ctx); err != nil {
		wrong(err)
	} else {
		options := serve.Options{
			Address:       cfg.Serve.Listen,
			Token:         token,
			BasicUser:     cfg.Serve.User,
			BasicPassword: password,
			CertFile:      cfg.Serve.CertFile,
			KeyFile:       cfg.Serve.KeyFile,
		}
		if err := options.CheckAccess(); err != nil {
			wrong(err)
		}
	}
	for _, secret := range cfg.Serve.WebhookSecrets {
		if _, err := secret.Resolve(ctx); err != nil {
			wrong(err)
		}
	}
	if sound {
		c.ok("serve", "%s: address, secrets and TLS can be used", cfg.Serve.Listen)
	}
}

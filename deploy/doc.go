// Package deploy contains the files to deploy convsync on Kubernetes and systemd,
// with Prometheus and Grafana. docs/deployment.md describes how to use them.
//
// The package has no code, only tests. They check that every file matches its
// schema, that every dashboard query runs against a loaded Postgres with the
// rights of Grafana, that every metric exists, and that every alert has a
// runbook. The package must not be imported.
package deploy

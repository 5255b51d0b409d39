// Package deploy is what runs convsync elsewhere: for Kubernetes and systemd,
// and Prometheus and Grafana beside it. docs/deployment.md tells how.
//
// There is no code here; the package is its tests. They promise that every file
// is of its schema, that every query of a dashboard runs against a loaded
// Postgres with the rights that Grafana has, that every metric exists, and that
// every alert has a runbook. The package must not be imported.
package deploy

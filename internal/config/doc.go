// Package config reads the configuration: convsync.yaml, environment variables,
// or both. No other package reads them.
//
// It guarantees that a returned [Config] is complete and consistent: defaults
// are filled in, values that projects inherit are resolved, and every name in
// it (region, time zone, environment, cron expression) is valid. All problems
// of a file are reported together, each as a [Problem] with its position, what
// is wrong, what is expected and how to fix it. No message, log line or JSON
// contains a secret or a value from the environment.
//
// It does not depend on the use of the configuration: it opens no connection
// and no destination.
package config

// Package config reads what the user has configured: convsync.yaml, the
// environment, or both. It is the only reader of either.
//
// It guarantees that a returned [Config] is complete and consistent: defaults
// are filled in, values that projects inherit are resolved, and every name in
// it (region, time zone, environment, cron expression) is valid. All problems
// of a file are reported together, each as a [Problem] with its place, what was
// wrong, what was expected and how to fix it. No message, log line or JSON ever
// shows a secret, nor a value that came out of the environment.
//
// It must not know how what it describes is used: it opens no connection and
// touches no destination.
package config

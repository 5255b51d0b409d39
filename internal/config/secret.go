package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

const redacted = "[redacted]"

// secretCommandTimeout is long enough for a vault, and ensures that a command
// that prompts for a password does not block a run forever.
var secretCommandTimeout = 30 * time.Second // tests wait longer

// Secret is a key or a connection URL, or the way to get it. Printed, logged or
// marshalled it is [redacted]; only Resolve returns it. The zero value means
// that no secret is configured.
type Secret struct {
	key     string // path of its key in the configuration, for errors
	value   string
	file    string
	written string // the file, as written in the configuration
	command string
}

// Literal is a secret whose value is known already.
func Literal(value string) Secret { return Secret{value: value} }

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s.value == "" && s.file == "" && s.command == "" }

// Resolve returns the secret. A file is read, and a command run, at every call,
// so that a rotated secret needs no restart. Surrounding white space is removed.
// The error, a [*SecretError], names the file or the key of the command, never
// their content or output.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	value, err := s.get(ctx)
	value = strings.TrimSpace(value)
	switch {
	case err != nil:
	case value == "":
		err = fmt.Errorf("%s: is empty; expected the secret as its only line", s.origin())
	case strings.ContainsAny(value, "\r\n\x00"):
		err = fmt.Errorf("%s: has more than one line; expected the secret as its only line", s.origin())
	}
	if err != nil {
		return "", &SecretError{err}
	}
	return value, nil
}

// SecretFiles are the files that secrets are read from, and the key of TLS, each once.
func (c *Config) SecretFiles() []string {
	secrets := []Secret{c.Serve.Token, c.Serve.Password, c.Notify.WebhookURL, c.Notify.HeartbeatURL, {file: c.Serve.KeyFile}}
	secrets = append(secrets, c.Serve.WebhookSecrets...)
	for i := range c.Projects {
		secrets = append(secrets, c.Projects[i].APIKey, c.Projects[i].WorkspaceAPIKey)
	}
	secrets = append(secrets, c.Destination.secrets()...)
	var files []string
	for _, s := range secrets {
		if s.file != "" && !slices.Contains(files, s.file) {
			files = append(files, s.file)
		}
	}
	return files
}

func (s Secret) get(ctx context.Context) (string, error) {
	switch {
	case s.file != "":
		return s.read()
	case s.command != "":
		return s.run(ctx)
	}
	return s.value, nil
}

// SecretError is the reason why a secret cannot be read. It has the key of the
// configuration, and never the secret.
type SecretError struct{ err error }

func (e *SecretError) Error() string { return e.err.Error() }
func (e *SecretError) Unwrap() error { return e.err }

func (s Secret) read() (string, error) {
	b, err := os.ReadFile(s.file)
	if err != nil {
		return "", fmt.Errorf("%s: %w; expected a readable file with the secret as its only line", s.key, quotePathError(err, s.file, s.written))
	}
	return string(b), nil
}

func (s Secret) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretCommandTimeout)
	defer cancel()
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, flag, s.command)
	cmd.Env = secretEnvironment(s.command)
	cmd.WaitDelay = time.Second // for a grandchild that keeps the pipe open
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		exit.Stderr = nil // stderr may contain the secret
	}
	if cause := ctx.Err(); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return "", fmt.Errorf("%s: the command failed: %w; run it by hand to see its output", s.key, err)
	}
	return string(out), nil
}

// origin describes where the secret is read from.
func (s Secret) origin() string {
	if s.file != "" {
		return s.key + ": " + s.file
	}
	return s.key
}

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format covers the verbs that would print the fields, %+v and %d among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// ordinaryVariables are passed to every command: paths of programs, files and
// certificates, languages, time zones and proxies. A name that ends in _ or (
// is a prefix.
var ordinaryVariables = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "TERM", "LANG", "LANGUAGE", "LC_", "TZ", "TMPDIR", "XDG_",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
	// Windows
	"SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
	"PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(", "WINDIR",
}

// vaultVariables are passed in addition to commands that print a secret: the
// credentials of common secret stores.
var vaultVariables = []string{
	"VAULT_", "AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "OP_", "DOPPLER_", "BWS_", "SOPS_", "KUBECONFIG", "KUBERNETES_",
	"CREDENTIALS_DIRECTORY", "GNUPGHOME", "GPG_TTY", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "PASSWORD_STORE_",
}

var namedVariable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)|%([A-Za-z_][A-Za-z0-9_()]*)%`)

// CommandEnvironment returns the environment of a command of the configuration,
// such as notify.command: ordinary variables, and those that the command itself
// names ($NAME, written $$NAME in the file). Keys, passwords and URLs of this
// process are not among them.
func CommandEnvironment(command string) []string { return environmentOf(command, ordinaryVariables) }

// secretEnvironment returns the environment of a command that prints a secret.
func secretEnvironment(command string) []string {
	return environmentOf(command, slices.Concat(ordinaryVariables, vaultVariables))
}

func environmentOf(command string, known []string) []string {
	env := []string{} // not nil: exec would pass the whole environment
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if isPassed(strings.ToUpper(name), known) || isNamed(name, command) {
			env = append(env, entry)
		}
	}
	return env
}

func isPassed(name string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		return name == k || strings.HasSuffix(k, "_") && strings.HasPrefix(name, k) || strings.HasSuffix(k, "(") && strings.HasPrefix(name, k)
	})
}

func isNamed(name, command string) bool {
	for _, m := range namedVariable.FindAllStringSubmatch(command, -1) {
		if m[1] == name || strings.EqualFold(m[2], name) && name != "" {
			return true
		}
	}
	return false
}

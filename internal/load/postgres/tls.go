package postgres

import (
	"errors"
	"io/fs"
	"net/netip"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// parseURL reads a connection URL and requires TLS for servers that are not on
// this machine, unless sslmode asks for something else. The default of libpq
// and pgx, "prefer", sends the password in clear text to a server, or to an
// attacker on the network, that refuses TLS.
func parseURL(text string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(text)
	if err != nil || !prefersTLS(c) || !isRemote(c) || asksToPrefer(text) {
		return c, err
	}
	switch isURL, hasQuery := strings.Contains(text, "://"), strings.Contains(text, "?"); {
	case !isURL:
		text += " sslmode=require"
	case hasQuery:
		text += "&sslmode=require"
	default:
		text += "?sslmode=require"
	}
	return pgx.ParseConfig(text)
}

// urlError describes a URL that cannot be used. The message of pgx may quote the
// URL, and with it the password.
func urlError(err error) error {
	e := &load.StateError{
		What:          "the URL of the Postgres destination cannot be read",
		Hint:          "it looks like postgres://user:password@host:5432/database, with special characters in the password percent-encoded",
		Misconfigured: true,
	}
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) || parse.Unwrap() == nil {
		return e
	}
	var file *fs.PathError
	switch cause := parse.Unwrap(); {
	case errors.As(cause, &file):
		e.What, e.Err = "a file that the URL of the Postgres destination names cannot be read", file
		e.Hint = "correct its path: sslrootcert, sslcert and sslkey are files in PEM"
	case strings.Contains(cause.Error(), "sslmode is invalid"):
		e.What = "the sslmode of the Postgres destination is not known"
		e.Hint = "use disable, prefer, require, verify-ca or verify-full, in the URL or in PGSSLMODE"
	}
	return e
}

// prefersTLS reports whether a connection with TLS is tried first and one
// without TLS after it. Only sslmode=prefer does that.
func prefersTLS(c *pgx.ConnConfig) bool {
	if c.TLSConfig == nil {
		return false
	}
	for _, fallback := range c.Fallbacks {
		if fallback.TLSConfig == nil && fallback.Host == c.Host && fallback.Port == c.Port {
			return true
		}
	}
	return false
}

var sslmodePrefer = regexp.MustCompile(`\bsslmode\s*=\s*'?prefer\b`)

// asksToPrefer reports whether the URL itself has sslmode=prefer. In PGSSLMODE
// or a service file it looks like the default.
func asksToPrefer(text string) bool { return sslmodePrefer.MatchString(text) }

// isRemote reports whether a host of the URL is neither loopback nor the folder
// of a Unix socket.
func isRemote(c *pgx.ConnConfig) bool {
	hosts := []string{c.Host}
	for _, fallback := range c.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host)
		loopback := host == "localhost" || err == nil && addr.IsLoopback()
		if network, _ := pgconn.NetworkAddress(host, c.Port); network != "unix" && !loopback {
			return true
		}
	}
	return false
}

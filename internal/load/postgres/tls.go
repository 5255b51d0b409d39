package postgres

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

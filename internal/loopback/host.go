package loopback

import (
	"net/netip"
	"strings"
)

// Host reports whether a host, without a port, is a loopback address or localhost.
// Other names are not resolved, because their addresses can change.
func Host(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

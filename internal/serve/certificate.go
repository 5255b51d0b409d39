package serve

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificate is a TLS certificate that is reloaded when its files change, so
// that a renewal needs no restart.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	current *tls.Certificate
	changed time.Time // the later change of the files of current
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, err := c.modified()
	if err == nil && c.current != nil && changed.Equal(c.changed) {
		return c.current, nil
	}
	fresh, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	switch {
	case err == nil:
		c.current, c.changed = &fresh, changed
	case c.current != nil: // partly replaced: keep the previous one
		return c.current, nil
	}
	return c.current, err
}

func (c *certificate) modified() (time.Time, error) {
	cert, err := os.Stat(c.certFile)
	if err != nil {
		return time.Time{}, err
	}
	key, err := os.Stat(c.keyFile)
	if err != nil {
		return time.Time{}, err
	}
	if key.ModTime().After(cert.ModTime()) {
		return key.ModTime(), nil
	}
	return cert.ModTime(), nil
}

//go:build !linux

package parquet

// Exchange implements [fileSystem].
func (access) Exchange(string, string) error { return errNoExchange }

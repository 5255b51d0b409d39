package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Fingerprint is the SHA-256, in hex, of the effective configuration without
// its secrets: the same for two runs with the same configuration.
func (c *Config) Fingerprint() string {
	text, err := json.Marshal(c) // secrets marshal as a constant
	if err != nil {
		panic(err) // no field of Config can fail to marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

package pgtest

import (
	"crypto/hmac"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// verifier returns what a server stores of a password for SCRAM-SHA-256. It has one
// iteration instead of 4096: each connection of a test repeats them, and the password
// is random and for one process.
func verifier(password string) string {
	salt := cryptorand.Text()
	salted := sign([]byte(password), salt+"\x00\x00\x00\x01")
	stored := sha256.Sum256(sign(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return "SCRAM-SHA-256$1:" + encode([]byte(salt)) + "$" + encode(stored[:]) + ":" + encode(sign(salted, "Server Key"))
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Sign is the signature of a body that is sent at a moment (Unix seconds, as
// text): HMAC-SHA-256 of "timestamp.body", in hex.
func Sign(secret, timestamp string, body []byte) string {
	return hex.EncodeToString(sum(secret, timestamp, body))
}

func sum(secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// signed reports whether the signature was made with one of the secrets. Its
// duration depends neither on which one nor on how much of a wrong one matches.
func signed(secrets []string, timestamp string, body []byte, signature string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	ok := false
	for _, secret := range secrets {
		same := secret != "" && hmac.Equal(sum(secret, timestamp, body), given)
		ok = ok || same
	}
	return ok
}

// isSignature reports whether text has the form of a signature.
func isSignature(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size
}

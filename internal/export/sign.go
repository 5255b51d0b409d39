package export

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"aead.dev/minisign"
)

// Key signs exports. It is a private key of minisign.
type Key struct{ private minisign.PrivateKey }

// PublicKey checks the signatures of a [Key].
type PublicKey struct{ public minisign.PublicKey }

// ID returns the id of the key, as minisign writes it.
func (k *Key) ID() string { return keyID(k.private.ID()) }

// ID returns the id of the key, as minisign writes it.
func (k *PublicKey) ID() string { return keyID(k.public.ID()) }

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// Keygen creates the files {base}.key, encrypted unless the password is empty, and
// {base}.pub. It does not replace existing files.
func Keygen(base, password string) (*PublicKey, error) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := private.MarshalText()
	if password != "" {
		secret, err = minisign.EncryptKey(password, private)
	}
	if err != nil {
		return nil, err
	}
	text, err := public.MarshalText()
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(base + ".pub"); !errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "create", Path: base + ".pub", Err: fs.ErrExist}
	}
	if err := writeKey(base+".key", secret, 0o600); err != nil {
		return nil, err
	}
	return &PublicKey{public}, writeKey(base+".pub", text, 0o644)
}

func writeKey(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // half a key is of no use
	}
	return nil
}

// ReadKey reads a private key. password is called if the key is encrypted.
func ReadKey(path string, password func() (string, error)) (*Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k := &Key{}
	if minisign.IsEncrypted(text) {
		given, err := password()
		if err != nil {
			return nil, err
		}
		if k.private, err = minisign.DecryptKey(given, text); err != nil {
			return nil, fmt.Errorf("%s: the password is wrong, or the file is damaged", path)
		}
		return k, nil
	}
	if err := k.private.UnmarshalText(text); err != nil {
		return nil, fmt.Errorf("%s: not a private key of minisign", path)
	}
	return k, nil
}

// ReadPublicKey reads a public key.
func ReadPublicKey(path string) (*PublicKey, error) {
	key, err := minisign.PublicKeyFromFile(path)
	var missing *fs.PathError
	if errors.As(err, &missing) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: not a public key of minisign", path)
	}
	return &PublicKey{key}, nil
}

// sign returns the signature of a file, in the prehashed form of minisign.
func (k *Key) sign(message io.Reader, name string, at time.Time) ([]byte, error) {
	r := minisign.NewReader(message)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	trusted := fmt.Sprintf("timestamp:%d\tfile:%s\thashed", at.Unix(), name)
	return r.SignWithComments(k.private, trusted, "signature from private key: "+k.ID()), nil
}

// errSignature values are shown to users.
var (
	errNotASignature = errors.New("it is not a signature of minisign")
	errOtherContent  = errors.New("the signature is not one of this key over this manifest.json")
)

// check returns an error if the signature is not one of the key over the message.
func (k *PublicKey) check(message io.Reader, signature []byte) error {
	var s minisign.Signature
	if s.UnmarshalText(signature) != nil {
		return errNotASignature
	}
	if s.KeyID != k.public.ID() {
		return fmt.Errorf("it was signed with the key %s, not with %s", keyID(s.KeyID), k.ID())
	}
	r := minisign.NewReader(message)
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if !r.Verify(k.public, signature) {
		return errOtherContent
	}
	return nil
}

package export

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

func TestKeygen(t *testing.T) {
	t.Parallel()
	_, _, base := testKey(t)
	if info, err := os.Stat(base + ".key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(base + ".key")
	for range 2 { // also with one of the two
		if _, err := Keygen(base, ""); !errors.Is(err, os.ErrExist) {
			t.Errorf("got %v", err)
		}
		if err := os.Remove(base + ".pub"); err != nil {
			break
		}
	}
	if after, _ := os.ReadFile(base + ".key"); !bytes.Equal(before, after) {
		t.Error("the key was replaced")
	}
	if _, err := ReadKey(base+".missing", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestReadKey_Encrypted(t *testing.T) {
	t.Parallel()
	key, _, base := testKey(t)
	encrypt(t, base+".key", "made-up password")
	for password, right := range map[string]bool{"made-up password": true, "another": false} {
		got, err := ReadKey(base+".key", func() (string, error) { return password, nil })
		if right != (err == nil) || right && got.ID() != key.ID() {
			t.Errorf("%s: got %v", password, err)
		}
	}
	none := errors.New("no password")
	if _, err := ReadKey(base+".key", func() (string, error) { return "", none }); !errors.Is(err, none) {
		t.Errorf("got %v", err)
	}
}

// encrypt encrypts a key as minisign does, with a small part of its cost: one of
// [Keygen] takes a gigabyte of memory.
func encrypt(t *testing.T, path, password string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	key, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil {
		t.Fatal(err)
	}
	const operations, memory = 1 << 15, 1 << 24
	copy(key[2:], "Sc")
	copy(key[6:38], "a made-up salt")
	binary.LittleEndian.PutUint64(key[38:], operations)
	binary.LittleEndian.PutUint64(key[46:], memory)
	secret := key[54:126]
	sum := blake2b.Sum256(append([]byte("Ed"), secret...))
	copy(key[126:], sum[:])
	stream, err := scrypt.Key([]byte(password), key[6:38], 1024, 8, 1, 104)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stream {
		key[54+i] ^= stream[i]
	}
	lines[1] = base64.StdEncoding.EncodeToString(key)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

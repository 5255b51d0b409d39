package export

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
)

func (v *verifier) checkSignature(key *PublicKey) error {
	v.result.Signature = SignatureNone
	if v.manifest != nil {
		v.result.SignedBy = v.manifest.SignedBy
	}
	if _, signed := v.actual[signatureFile]; !signed {
		if key != nil {
			v.find(BadSignature, signatureFile, "the export is not signed, but a public key is given")
		}
		return nil
	}
	if key == nil {
		v.result.Signature = SignatureNotChecked
		return nil
	}
	v.result.Signature = SignatureBad
	signature, err := os.ReadFile(filepath.Join(v.dir, signatureFile))
	if err != nil {
		return err
	}
	bad := errors.New("there is no " + manifestFile)
	err = v.open(manifestFile, func(r io.Reader) error {
		bad = key.check(r, signature)
		return nil
	})
	if err != nil {
		return err
	}
	if bad != nil {
		v.find(BadSignature, signatureFile, bad.Error())
		return nil
	}
	v.result.Signature = SignatureValid
	return nil
}

const otherSum = "its SHA-256 is not the one in " + sumsFile + ": one of the two was changed"

// decide decides whether the manifest or the sums say what is right: the manifest,
// if its signature is valid or the sums have its hash.
func (v *verifier) decide() {
	if v.manifest == nil {
		return
	}
	v.trusted = v.result.Signature == SignatureValid
	i := slices.IndexFunc(v.sums, func(f File) bool { return f.Path == manifestFile })
	if v.trusted || i < 0 || v.sums[i].SHA256 == v.actual[manifestFile].SHA256 {
		v.trusted = true
		return
	}
	v.find(Changed, manifestFile, otherSum)
}

// compareIndexes checks that the sums and the tag manifest are those that follow
// from a trusted manifest.
func (v *verifier) compareIndexes() error {
	files := append(slices.Clone(v.listed), v.actual[manifestFile])
	if v.manifest.SignedBy != "" {
		files = append(files, v.signature())
	}
	sortByPath(files)
	sums, err := v.compareIndex(sumsFile, func(w io.Writer) error { return writeSums(w, files) })
	if err != nil || !v.manifest.BagIt {
		return err
	}
	tags := append(tagsOf(files), File{Path: sumsFile, SHA256: sums})
	sortByPath(tags)
	_, err = v.compareIndex(bagTags, func(w io.Writer) error { return writeBagManifest(w, tags) })
	return err
}

// signature returns the signature as the sums have it. Nothing else has its hash, and
// its first line may be changed without making it invalid.
func (v *verifier) signature() File {
	got, exists := v.actual[signatureFile]
	i := slices.IndexFunc(v.sums, func(f File) bool { return f.Path == signatureFile })
	if i < 0 {
		return got
	}
	if exists && got.SHA256 != v.sums[i].SHA256 {
		v.find(Changed, signatureFile, otherSum)
	}
	return v.sums[i]
}

// compareIndex compares a file with the content that it must have, and returns the
// hash of that.
func (v *verifier) compareIndex(name string, write func(io.Writer) error) (sum string, err error) {
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return "", err
	}
	sum, _, err = hashOf(&content)
	if got, ok := v.actual[name]; ok && got.SHA256 != sum {
		v.find(Changed, name, "it does not follow from "+manifestFile)
	}
	return sum, err
}

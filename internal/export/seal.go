package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// seal writes what describes the files of the export: coverage, the tag files of a
// bag, the manifest, its signature, and the sums. It returns the hash of the manifest.
func (w *writer) seal(m *Manifest) (string, error) {
	if err := w.prune(); err != nil {
		return "", err
	}
	err := w.putFile(w.payload+coverageFile, func(to io.Writer) error { return writeIndented(to, &m.Coverage) })
	if err == nil && m.BagIt {
		err = w.putBag(m)
	}
	if err == nil {
		err = w.folder.sync() // a manifest names only files that a power failure keeps
	}
	if err != nil {
		return "", err
	}
	sortByPath(w.files)
	content := slices.Clip(w.files)
	if err := w.putFile(manifestFile, func(to io.Writer) error { return m.write(to, content) }); err != nil {
		return "", err
	}
	sum := w.files[len(w.files)-1].SHA256
	if w.options.Key != nil {
		if err := w.putSignature(m); err != nil {
			return "", err
		}
	}
	sortByPath(w.files)
	all := slices.Clip(w.files)
	if err := w.putFile(sumsFile, func(to io.Writer) error { return writeSums(to, all) }); err != nil {
		return "", err
	}
	if m.BagIt {
		tags := tagsOf(w.files)
		sortByPath(tags)
		if err := w.putFile(bagTags, func(to io.Writer) error { return writeBagManifest(to, tags) }); err != nil {
			return "", err
		}
	}
	return sum, w.folder.finish()
}

func sortByPath(files []File) {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}

// putFile writes a file and adds it to the export.
func (w *writer) putFile(name string, content func(io.Writer) error) error {
	file, err := w.folder.write(name, content)
	if err == nil {
		w.addFile(file)
	}
	return err
}

// putBag writes the tag files that the manifest lists.
func (w *writer) putBag(m *Manifest) error {
	sortByPath(w.files)
	payload := slices.Clip(w.files)
	if err := w.putFile(bagFile, writeBagDeclaration); err != nil {
		return err
	}
	if err := w.putFile(bagManifest, func(to io.Writer) error { return writeBagManifest(to, payload) }); err != nil {
		return err
	}
	return w.putFile(bagInfo, func(to io.Writer) error { return writeBagInfo(to, payload, m.ExportID, m.Tool, m.CreatedAt) })
}

func (w *writer) putSignature(m *Manifest) error {
	message, err := w.folder.root.Open(manifestFile)
	if err != nil {
		return err
	}
	defer message.Close() //nolint:errcheck // it is only read
	signature, err := w.options.Key.sign(message, manifestFile, m.CreatedAt)
	if err != nil {
		return err
	}
	return w.putFile(signatureFile, func(to io.Writer) error {
		_, err := to.Write(signature)
		return err
	})
}

// prune removes recordings that a killed attempt copied and that are no longer part
// of the export, such as those of a conversation that was erased meanwhile. Any other
// file that is not part of the export is an error.
func (w *writer) prune() error {
	recordings := w.payload + "recordings/"
	return fs.WalkDir(w.folder.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == partFolder:
			return fs.SkipDir
		case entry.IsDir() || w.known[name] || name == stateFile || w.isSeal(name):
			return nil
		case strings.HasPrefix(name, recordings):
			return errors.Join(w.folder.step("remove "+name), w.folder.root.Remove(name))
		}
		return fmt.Errorf("the folder of the export contains %s, which is not part of it: move it to another folder", name)
	})
}

// isSeal reports whether seal writes, and so replaces, a file.
func (w *writer) isSeal(name string) bool {
	seals := []string{w.payload + coverageFile, manifestFile, sumsFile}
	if w.options.Key != nil {
		seals = append(seals, signatureFile)
	}
	if w.options.BagIt {
		seals = append(seals, bagFile, bagInfo, bagManifest, bagTags)
	}
	return slices.Contains(seals, name)
}

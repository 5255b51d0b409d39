package export

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The tag files of a bag (BagIt, RFC 8493). Its payload is under data/.
const (
	bagPayload  = "data/"
	bagFile     = "bagit.txt"
	bagInfo     = "bag-info.txt"
	bagManifest = "manifest-sha256.txt"
	bagTags     = "tagmanifest-sha256.txt"
)

// bagNames encodes a path as BagIt wants it. No name of a store needs it.
var bagNames = strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D")

func writeBagManifest(w io.Writer, files []File) error {
	for i := range files {
		if _, err := fmt.Fprintf(w, "%s  %s\n", files[i].SHA256, bagNames.Replace(files[i].Path)); err != nil {
			return err
		}
	}
	return nil
}

func writeBagDeclaration(w io.Writer) error {
	_, err := fmt.Fprint(w, "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
	return err
}

func writeBagInfo(w io.Writer, payload []File, id, tool string, at time.Time) error {
	size := int64(0)
	for i := range payload {
		size += payload[i].Bytes
	}
	_, err := fmt.Fprintf(w, "Bagging-Date: %s\nBag-Software-Agent: %s\nExternal-Identifier: %s\nPayload-Oxum: %d.%d\n",
		at.UTC().Format(time.DateOnly), tool, id, size, len(payload))
	return err
}

// isTag reports whether tagmanifest-sha256.txt lists a file of a bag.
func isTag(path string) bool { return !strings.HasPrefix(path, bagPayload) && path != bagTags }

// tagsOf returns the files that tagmanifest-sha256.txt lists.
func tagsOf(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return !isTag(f.Path) })
}

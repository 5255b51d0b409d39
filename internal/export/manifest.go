package export

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The files of an export that are not its content.
const (
	manifestFile  = "manifest.json"
	signatureFile = "manifest.json.minisig"
	coverageFile  = "coverage.json"
)

// manifestFormat is the value of [Manifest.Format].
const manifestFormat = "convsync-export/1"

// File is a file of an export.
type File struct {
	Path   string `json:"path"` // relative to the folder of the export, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Manifest is manifest.json. Its files, which come last, are read and written as a
// stream.
type Manifest struct {
	Format    string    `json:"format"`
	ExportID  string    `json:"export_id"`
	CreatedAt time.Time `json:"created_at"`
	Tool      string    `json:"tool"`
	Request
	Coverage Coverage `json:"coverage"`
	Counts   Counts   `json:"counts"`
	RunIDs   []string `json:"run_ids"` // runs that wrote the stored conversations
}

// Request says what was exported, and how. An unfinished export is continued only by
// the same request.
type Request struct {
	Filter     RequestFilter `json:"filter"`
	ListFormat string        `json:"list_format"`
	Recordings FilesMode     `json:"recordings"`
	Numbers    string        `json:"numbers"` // masked or shown
	// CSVPrefixed says that a text of the list that begins with = + - @ ' a tab or a
	// line end has an apostrophe before it.
	CSVPrefixed bool      `json:"csv_prefixed"`
	BagIt       bool      `json:"bagit"`
	SignedBy    string    `json:"signed_by,omitempty"` // id of the key
	Previous    *Previous `json:"previous"`            // null: the first export of its folder
}

// RequestFilter is [Filter] as the manifest has it.
type RequestFilter struct {
	From     time.Time       `json:"from"`
	Until    time.Time       `json:"until"`
	Feeds    []RequestedFeed `json:"feeds"`
	Redacted *bool           `json:"redacted"` // null: both
}

// RequestedFeed is a project in an environment.
type RequestedFeed struct {
	ProjectID   string `json:"project_id"`
	Environment string `json:"environment"`
}

// Previous identifies the export before, which makes exports a chain.
type Previous struct {
	Folder         string `json:"folder"` // its name only
	ExportID       string `json:"export_id"`
	ManifestSHA256 string `json:"manifest_sha256"`
}

// ByVersion has counts of the recordings that were requested redacted, and of those
// that were requested raw: the same evidence has another meaning for each.
type ByVersion struct {
	Redacted map[string]int64 `json:"redacted"`
	Raw      map[string]int64 `json:"raw"`
}

// Counts counts what the export has.
type Counts struct {
	Conversations  int64            `json:"conversations"`
	Rows           int64            `json:"rows"`
	ByAvailability map[string]int64 `json:"by_availability"`
	ByEvidence     ByVersion        `json:"by_redaction_evidence"`
	Files          int64            `json:"recording_files"`
	Bytes          int64            `json:"recording_bytes"`
	// Lost and Altered are stored copies that are gone or have other bytes. The
	// export does not contain them.
	Lost    int64 `json:"lost_recordings"`
	Altered int64 `json:"altered_recordings"`
}

const filesKey = "files"

// write writes the manifest, with one line per file.
func (m *Manifest) write(w io.Writer, files []File) error {
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s,\n  %q: [", head[:len(head)-len("\n}")], filesKey)
	for i := range files {
		line, err := json.Marshal(&files[i])
		if err != nil {
			return err
		}
		separator := ",\n    "
		if i == 0 {
			separator = "\n    "
		}
		fmt.Fprintf(b, "%s%s", separator, line)
	}
	fmt.Fprint(b, "\n  ]\n}\n")
	return b.Flush()
}

var errNotAManifest = errors.New("it is not the manifest of an export of this version")

// readManifest reads a manifest and calls each with each of its files. If each is
// nil, it stops before them.
func readManifest(r io.Reader, each func(File)) (*Manifest, error) {
	d := json.NewDecoder(bufio.NewReader(r))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errNotAManifest, err)
	}
	head := map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if key == filesKey {
			if each == nil {
				return manifestOf(head)
			}
			if err := readFiles(d, each); err != nil {
				return nil, err
			}
			continue
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		head[key.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return manifestOf(head)
}

func readFiles(d *json.Decoder, each func(File)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errNotAManifest, err)
	}
	for d.More() {
		var f File
		if err := d.Decode(&f); err != nil {
			return err
		}
		each(f)
	}
	_, err := d.Token()
	return err
}

func manifestOf(head map[string]json.RawMessage) (*Manifest, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	if m.Format != manifestFormat {
		return nil, errNotAManifest
	}
	return m, nil
}

func writeIndented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// DefaultFile is read if neither --config nor $CONVSYNC_CONFIG is set.
const DefaultFile = "convsync.yaml"

// largestFileBytes is the maximum size of the file, far more than a thousand
// projects need.
const largestFileBytes = 1 << 20

// Options configure [Load].
type Options struct {
	// File named on the command line; "" means $CONVSYNC_CONFIG, else
	// ./convsync.yaml, else none.
	File string
	// LookupEnv is os.LookupEnv, or a test's.
	LookupEnv func(name string) (string, bool)
	// Now is the moment that `start` must lie before; the zero time means the
	// machine's clock.
	Now time.Time
	// WithoutKeys is for commands that send no requests to the source: API keys
	// may be missing, and their variables unset. Such a key cannot be used.
	WithoutKeys bool
}

// noKey is the value of an API key that is not needed.
const noKey = "no key"

// isKey reports whether a path of the document is that of an API key.
func isKey(path string) bool {
	return strings.HasSuffix(path, ".api_key") || strings.HasSuffix(path, ".workspace_api_key")
}

func (o Options) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}

// Load reads the configuration. Its error joins one or more [Problem].
func Load(opts Options) (*Config, error) {
	path, text, err := find(opts)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return fromEnvironment(opts)
	}
	return Parse(path, text, opts)
}

// find reads the file. Without one, the path is "".
func find(opts Options) (path string, text []byte, err error) {
	fromVariable, _ := opts.LookupEnv("CONVSYNC_CONFIG")
	path, hint := opts.File, "check the path after --config"
	if path == "" {
		path, hint = fromVariable, "check $CONVSYNC_CONFIG"
	}
	optional := path == ""
	if optional {
		path, hint = DefaultFile, "check its permissions"
	}
	info, err := os.Stat(path)
	switch {
	case optional && errors.Is(err, fs.ErrNotExist):
		return "", nil, nil
	case err == nil && info.IsDir():
		return "", nil, &Problem{File: path, Text: "is a folder; expected a file; " + hint}
	case err == nil && info.Size() > largestFileBytes:
		return "", nil, &Problem{File: path, Text: "is larger than 1 MiB; expected a configuration; " + hint}
	}
	text, err = os.ReadFile(path)
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		return "", nil, &Problem{File: path, Text: "cannot be read: " + cause.Err.Error() +
			"; " + hint + ", or write one with: convsync init"}
	}
	return path, text, err
}

// Parse creates a configuration from the text of a file, which need not exist.
func Parse(path string, text []byte, opts Options) (*Config, error) {
	d := &decoder{
		report: &report{file: path, places: map[string]place{}, raw: map[string]string{}},
		lookup: opts.LookupEnv, withoutKeys: opts.WithoutKeys,
	}
	doc := defaults()
	var cfg *Config
	if d.decodeText(text, &doc) {
		cfg = resolve(&doc, d.report, opts)
		cfg.File = path
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// decodeText parses the YAML and fills the document; false when there is none
// to fill it from.
func (d *decoder) decodeText(text []byte, doc *document) bool {
	file, err := parseYAML(text)
	if bad := yaml.Error(nil); errors.As(err, &bad) {
		d.syntax(bad, text)
		return false
	} else if err != nil {
		d.add("", "cannot be parsed as YAML; expected the keys source and destination")
		return false
	}
	switch {
	case isEmpty(file):
		d.add("", "is empty; expected the keys source and destination; write a file with: convsync init")
	case len(file.Docs) > 1:
		d.add("", "contains several YAML documents; expected one: remove the lines with ---")
	default:
		d.decode(file.Docs[0].Body, reflect.ValueOf(doc).Elem(), "")
		return true
	}
	return false
}

// syntax reports what the YAML parser refuses. Its message names no value; the
// excerpt of the file that it offers could show a key, and is left out.
func (d *decoder) syntax(bad yaml.Error, text []byte) {
	message := "is not valid YAML: " + bad.GetMessage()
	p := &Problem{File: d.file}
	if token := bad.GetToken(); token != nil && token.Position != nil {
		p.Line, p.Column = token.Position.Line, token.Position.Column
		lines := strings.Split(string(text), "\n")
		if i := p.Line - 1; i >= 0 && i < len(lines) && strings.Contains(lines[i], "${") {
			message += `; between { and }, put "${NAME}" in quotes`
		}
	}
	p.Text = message
	d.found = append(d.found, p)
}

// inFolderOf takes a relative path of the configuration from the folder of its
// file, so that a job started elsewhere finds the same place.
func inFolderOf(file, path string) string {
	if file == "" || path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

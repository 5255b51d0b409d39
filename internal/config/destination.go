package config

import (
	"cmp"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Destination is where tables land: exactly one of its fields is set.
type Destination struct {
	Parquet  *Parquet
	Postgres *Postgres
}

// Parquet is a lake in a folder of a file system.
type Parquet struct {
	// Path of the folder; a relative one is taken from the folder of the
	// configuration file. ./convsync-data without a file.
	Path string
	// Mode of the files that are created; 0600 unless set.
	Mode fs.FileMode `json:"-"` // no part of the fingerprint: it changes nothing that is stored
	// Group of what is created, by name or number; that of the process unless set.
	Group string `json:"-"`
}

// Postgres is a schema in a database.
type Postgres struct {
	// URL to connect with: postgres://user:password@host/database?…, or
	// key=value pairs.
	URL Secret
	// ReadURL is the URL with which `convsync query` connects; zero: URL. Its role
	// needs to read only.
	ReadURL Secret `json:"-"` // no part of the fingerprint: it changes nothing that is stored
	// Schema that holds the tables; polyai unless set.
	Schema string
}

// String describes the destination for people.
func (d *Destination) String() string {
	if d.Parquet != nil {
		return "Parquet in " + d.Parquet.Path
	}
	return "Postgres, schema " + d.Postgres.Schema
}

func (d *Destination) secrets() []Secret {
	if d.Postgres != nil {
		return []Secret{d.Postgres.URL, d.Postgres.ReadURL}
	}
	return nil
}

type destinationKeys struct {
	Parquet  *parquetKeys  `key:"parquet"`
	Postgres *postgresKeys `key:"postgres"`
}

type parquetKeys struct {
	Path  string   `key:"path"`
	Mode  fileMode `key:"mode"`
	Group string   `key:"group"`
}

type postgresKeys struct {
	URL        string `key:"url"`
	URLFile    string `key:"url_file"`
	URLCommand string `key:"url_command"`
	Schema     string `key:"schema"`

	ReadURL        string `key:"read_url"`
	ReadURLFile    string `key:"read_url_file"`
	ReadURLCommand string `key:"read_url_command"`
}

func (r *resolver) destination() Destination {
	d := r.doc.Destination
	switch {
	case d.Parquet != nil && d.Postgres != nil:
		r.add("destination.postgres", "is set in addition to parquet; expected exactly one destination: remove one of them")
	case d.Parquet == nil && d.Postgres == nil:
		r.add("destination", "is missing; expected parquet: {path: ./convsync-data} or postgres: {url: \"${DATABASE_URL}\"}")
	case d.Parquet != nil:
		return Destination{Parquet: r.parquet(d.Parquet)}
	default:
		return Destination{Postgres: r.postgres(d.Postgres)}
	}
	return Destination{}
}

func (r *resolver) parquet(p *parquetKeys) *Parquet {
	const path = "destination.parquet.path"
	switch {
	case strings.Contains(p.Path, "://"):
		r.add(path, "is an object store; expected a folder in a file system, such as ./convsync-data")
	case p.Path == "" && !r.given(path):
		r.add(path, "is missing; expected a folder, such as ./convsync-data")
	}
	mode := fs.FileMode(p.Mode)
	switch {
	case mode == 0 && p.Group != "":
		mode = 0o640
	case mode == 0:
		mode = 0o600
	}
	return &Parquet{Path: inFolderOf(r.file, filepath.FromSlash(p.Path)), Mode: mode, Group: p.Group}
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func (r *resolver) postgres(p *postgresKeys) *Postgres {
	const path = "destination.postgres"
	url := r.secret(path+".url", p.URL, p.URLFile, p.URLCommand)
	readURL := r.secret(path+".read_url", p.ReadURL, p.ReadURLFile, p.ReadURLCommand)
	if url.IsZero() && !r.given(path+".url") && !r.given(path+".url_file") && !r.given(path+".url_command") {
		r.add(path+".url", "is missing; expected url: \"${DATABASE_URL}\", url_file or url_command")
	}
	r.postgresURL(path+".url", p.URL)
	r.postgresURL(path+".read_url", p.ReadURL)
	schema := cmp.Or(p.Schema, "polyai")
	if !schemaName.MatchString(schema) || strings.HasPrefix(schema, "pg_") {
		r.add(path+".schema", "%s cannot be used; expected lower-case letters, digits and _, not starting with a digit or pg_", r.show(path+".schema", schema))
	}
	return &Postgres{URL: url, ReadURL: readURL, Schema: schema}
}

// postgresURL checks a URL that is written in the configuration; "" is none.
func (r *resolver) postgresURL(path, text string) {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case isURL && scheme != "postgres" && scheme != "postgresql":
		r.add(path, "is not a Postgres URL; expected postgres://user:password@host:5432/database")
	case text != "" && !isURL && !strings.Contains(text, "="):
		r.add(path, "is not a Postgres URL; expected postgres://user:password@host:5432/database or host=… dbname=…")
	}
}

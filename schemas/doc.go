// Package schemas holds the JSON Schemas of what people and the source give us:
// convsync.schema.json describes convsync.yaml, for editors.
//
// The schema knows names, types and values. What needs more than that (a zone
// that exists, a date in the past, two keys that contradict each other across
// sections) is for package config, which is the judge. Tests hold the two
// together.
package schemas

import _ "embed"

// Configuration is the JSON Schema (2020-12) of convsync.yaml.
//
//go:embed convsync.schema.json
var Configuration []byte

package config

import (
	"bytes"
	"encoding"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"convsync/schemas"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Configuration))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("convsync.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("convsync.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestTheSchemaAndTheLoaderKnowTheSameKeys(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	inSchema, inLoader := map[string]bool{}, map[string]bool{}
	keysOfSchema(schema, "", inSchema)
	keysOfType(reflect.TypeFor[document](), "", inLoader)
	for key := range inLoader {
		if !inSchema[key] {
			t.Errorf("the schema lacks %s", key)
		}
	}
	for key := range inSchema {
		if !inLoader[key] {
			t.Errorf("the loader lacks %s", key)
		}
	}
	if len(inLoader) < 40 {
		t.Errorf("only %d keys found: the walk is broken", len(inLoader))
	}
}

func keysOfSchema(s *jsonschema.Schema, path string, into map[string]bool) {
	for s.Ref != nil {
		s = s.Ref
	}
	for name, property := range s.Properties {
		into[join(path, name)] = true
		keysOfSchema(property, join(path, name), into)
	}
	if s.Items2020 != nil {
		keysOfSchema(s.Items2020, path+"[]", into)
	}
	if element, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		keysOfSchema(element, path+".*", into)
	}
}

func keysOfType(typ reflect.Type, path string, into map[string]bool) {
	if reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return
	}
	switch typ.Kind() {
	case reflect.Pointer:
		keysOfType(typ.Elem(), path, into)
	case reflect.Slice:
		keysOfType(typ.Elem(), path+"[]", into)
	case reflect.Map:
		keysOfType(typ.Elem(), path+".*", into)
	case reflect.Struct:
		for name, field := range fieldsOf(typ) {
			into[join(path, name)] = true
			keysOfType(field, join(path, name), into)
		}
	}
}

func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	values := map[string]reflect.Value{}
	collectFields(reflect.New(typ).Elem(), values)
	types := map[string]reflect.Type{}
	for name, v := range values {
		types[name] = v.Type()
	}
	return types
}

func TestTheSchemaAndTheLoaderJudgeExamplesAlike(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	const source = "source: {region: uk, account_id: acme-uk, api_key: made-up, projects: [{id: acme-team-4, %s}]}\n"
	good := fmt.Sprintf(source, "environments: [live, pre-release], time_zone: Europe/London, start: 2026-01-01")
	const lake = "destination: {parquet: {path: ./lake}}\n"
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{good + lake, true},
		{good + "destination: {postgres: {url: \"${URL}\", schema: polyai}}\n", true},
		{good + lake + "sync: {start: 2026-01-01, lookback: {daily: 7d, hourly: 1d12h}, page_size: \"${N:-7}\", workers: {load: 0}, adaptive: true}\n", true},
		{good + lake + "schedules: {nightly: {cron: 0 2 * * *, kind: verify, projects: [acme-team-4], lookback: {each_run: 2h}}}\n", true},
		{good + lake + "schedules: {weekly: {cron: 0 4 * * 7}, often: {cron: \"@every 90m\"}}\n", true},
		{good + lake + "schedules: {weekly: {cron: 0 7 * * 1, kind: report, folder: ./reports, period: last-week}}\nserve: {public_url: 'https://sync.example.com/'}\n", true},
		{good + lake + "schedules: {weekly: {cron: 0 7 * * 1, kind: report, folder: ./reports, period: weekly}}\n", false},
		{"source: {studio_url: 'https://studio.uk.poly.ai/a/b', api_key_file: k, workspace_api_key_command: c}\n" + lake, true},
		{good + lake + "serve: {webhooks: {secrets: [\"${URL}\"], secret_files: [a, b], secret_commands: [c]}}\n", true},
		{good + lake + "serve: {webhooks: {secret: a}}\n", false},
		{good + lake + "serve: {webhooks: {secret_files: []}}\n", false},
		{good, false},
		{lake, false},
		{good + "destination: {}\n", false},
		{good + "destination: {parquet: {path: a}, postgres: {url: 'postgres://h/d'}}\n", false},
		{good + "destination: {postgres: {url: 'postgres://h/d', url_file: f}}\n", false},
		{fmt.Sprintf(source, "api_key: a, api_key_file: b") + lake, false},
		{fmt.Sprintf(source, "environments: [prod]") + lake, false},
		{fmt.Sprintf(source, "colour: red") + lake, false},
		{good + lake + "sync: {page_size: 1001}\n", false},
		{good + lake + "sync: {workers: {load: -1}}\n", false},
		{good + lake + "sync: {open_age_limit: soon}\n", false},
		{good + lake + "sync: {on_missing: drop}\n", false},
		{good + lake + "sync: {missing_limit: {share: 0.25, at_least: \"${N:-50}\"}}\n", true},
		{good + lake + "sync: {missing_limit: {share: 1.5}}\n", false},
		{good + lake + "sync: {missing_limit: {at_least: 0}}\n", false},
		{good + lake + "schedules: {nightly: {}}\n", false},
		{good + lake + "serve: {user: ada, password_file: f, token: made-up}\n", true},
		{good + lake + "serve: {user: ada, password: made-up, password_file: f}\n", false},
		{good + lake + "notify: {webhook_url: 'https://hooks.example.com/made-up', format: json, command: cat, heartbeat_url_command: c}\n", true},
		{good + lake + "notify: {webhook_url: 'https://hooks.example.com/made-up', webhook_url_file: f}\n", false},
		{good + lake + "notify: {webhook_url_file: f, format: teams}\n", false},
		{good + lake + "notify: {webhook: f}\n", false},
		{good + lake + "handoff_reason_map: {complaint: Unhappy, \"a.b c\": Agent}\n", true},
		{good + lake + "handoff_reason_map: {complaint: [Unhappy]}\n", false},
		{good + lake + "handoff_reason_map: {complaint: \"a => b\"}\n", false},
		{good + lake + "handoff_reason_map: {\"a\\nb\": Agent}\n", false},
		{good + lake + "sync: {audio: check}\n", true},
		{good + lake + "sync: {audio: off}\n", true},
		{good + lake + "sync: {audio: \"${NONE:-off}\"}\n", true},
		{good + lake + "audio: {store: ./recordings, mode: \"0640\"}\nsync: {audio: {mode: store, directions: [user, agent], redacted: both, share: 0.5, workers: 4}}\n", true},
		{good + lake + "sync: {audio: {redacted: false}}\n", true},
		{fmt.Sprintf(source, "audio: off") + lake, true},
		{fmt.Sprintf(source, "audio: {mode: check, redacted: both}") + lake + "schedules: {a: {cron: \"@hourly\", kind: audio}}\n", true},
		{fmt.Sprintf(source, "audio: {workers: 1}") + lake, false},
		{good + lake + "sync: {audio: all}\n", false},
		{good + lake + "sync: {audio: [check]}\n", false},
		{good + lake + "sync: {audio: {redacted: maybe}}\n", false},
		{good + lake + "sync: {audio: {directions: []}}\n", false},
		{good + lake + "sync: {audio: {share: 0}}\n", false},
		{good + lake + "sync: {audio: {workers: 0}}\n", false},
		{good + lake + "audio: {mode: \"0600\"}\n", false},
	} {
		var value any
		if err := yaml.Unmarshal([]byte(c.text), &value); err != nil {
			t.Fatalf("%v in %s", err, c.text)
		}
		if err := schema.Validate(plain(value)); (err == nil) != c.ok {
			t.Errorf("the schema judges otherwise: %v\n%s", err, c.text)
		}
		file := filepath.Join(t.TempDir(), "convsync.yaml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		env := func(name string) (string, bool) { return "postgres://h/d", name == "URL" }
		_, err := Load(Options{File: file, LookupEnv: env, Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)})
		if (err == nil) != c.ok {
			t.Errorf("the loader judges otherwise: %v\n%s", err, c.text)
		}
	}
}

// plain turns the YAML decoder's numbers into those that the validator knows.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Collect(maps.Keys(v)) {
			v[key] = plain(v[key])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case uint64:
		return int64(v)
	}
	return value
}

func TestEveryKeyOfTheSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	var walk func(s *jsonschema.Schema, path string)
	walk = func(s *jsonschema.Schema, path string) {
		for name, property := range s.Properties {
			described := property.Description != "" || property.Ref != nil && property.Ref.Description != ""
			if !described {
				t.Errorf("%s has no description", join(path, name))
			}
			walk(property, join(path, name))
		}
		if s.Ref != nil {
			walk(s.Ref, path)
		}
		if s.Items2020 != nil {
			walk(s.Items2020, path+"[]")
		}
	}
	walk(compileSchema(t), "")
}

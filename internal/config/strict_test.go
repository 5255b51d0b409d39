package config_test

import (
	"errors"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestEachContradictionIsRefusedWithItsPlaceAndItsMending(t *testing.T) {
	t.Parallel()
	project := func(lines string) string { return head + "      " + lines + "\n" + lake }
	source := func(lines string) string {
		return strings.Replace(head, "  region: uk\n", "  "+lines+"\n", 1) + lake
	}
	for name, c := range map[string]struct{ text, want string }{
		"no destination":             {head, ":1:1: destination: is missing; expected parquet"},
		"empty destination":          {head + "destination:\n", "7:1: destination: has no value"},
		"start in the future":        {head + lake + "sync: {start: 2027-01-01}", `9:8: sync.start: "2027-01-01T00:00:00Z" is in the future`},
		"start is no date":           {head + lake + "sync: {start: 2026-02-30}", `sync.start: "2026-02-30" is not valid; expected a valid date`},
		"a project's start":          {project("start: 2031-01-01"), `7:7: source.projects[0].start: "2031`},
		"environment":                {project("environments: [live, sandbx]"), `7:28: source.projects[0].environments[1]: "sandbx" is not known; expected live, sandbox or pre-release; did you mean sandbox?`},
		"environment twice":          {project("environments: [live, live]"), `"live" is listed twice`},
		"environment no list":        {project("environments: live"), "is text; expected a list"},
		"local zone":                 {project("time_zone: Local"), `"Local" is not a known time zone`},
		"duplicate project":          {project("environments: [live]\n    - id: acme-team-4"), "8:7: source.projects[1].id: is the same as project 1 of the list"},
		"duplicate stored id":        {project("environments: [live]\n    - {id: other, as: acme-team-4}"), "has the same stored id as project 1"},
		"two keys":                   {source("region: uk\n  api_key_file: key.txt"), "source.api_key_file: is set in addition to api_key; expected only one of api_key, api_key_file or api_key_command"},
		"no key":                     {strings.Replace(head, "  api_key: made-up-key-4711\n", "", 1) + lake, ":1:1: source.api_key: is missing; expected api_key: ${POLYAI_API_KEY}"},
		"no region":                  {strings.Replace(head, "  region: uk\n", "", 1) + lake, ":1:1: source.region: is missing"},
		"no projects":                {"source: {region: uk, account_id: a, api_key: made-up}\n" + lake, "source.projects: is missing"},
		"empty projects":             {"source: {region: uk, account_id: a, api_key: made-up, projects: []}\n" + lake, "source.projects: is an empty list"},
		"project without id":         {strings.Replace(head, "id: acme-team-4", "as: x", 1) + lake, "6:7: source.projects[0].id: is missing"},
		"id with a slash":            {strings.Replace(head, "acme-team-4", "acme-uk/acme-team-4", 1) + lake, "is not an id; expected the id from the Studio URL"},
		"old account":                {strings.Replace(head, "account_id: acme-uk", "account_id: ACCOUNT-1", 1) + lake, "old form"},
		"numeric id":                 {strings.Replace(head, "acme-team-4", "0123", 1) + lake, "is a number; expected text: put it in quotes"},
		"plain http":                 {source("base_url: http://api.example.com"), "would send the key unencrypted"},
		"ftp":                        {source("base_url: ftp://api.example.com"), "has an unknown scheme"},
		"credentials in URL":         {source("base_url: https://a:b@api.example.com"), "more than a host and a path"},
		"no URL":                     {source("base_url: api.example.com"), "is not a URL"},
		"studio contradiction":       {source("region: us\n  studio_url: https://studio.uk.poly.ai/acme-uk"), `source.region: contradicts studio_url, which names another`},
		"no studio URL":              {source("studio_url: https://example.com/acme-uk"), "is not a Studio URL"},
		"version":                    {source("region: uk\n  api_version: v4"), `"v4" is not known; expected v3, v2 or v1`},
		"CA file":                    {source("region: uk\n  ca_file: none.pem"), "source.ca_file: cannot be read"},
		"object store":               {head + "destination: {parquet: {path: \"s3://bucket/lake\"}}", "is an object store"},
		"mode for no user":           {head + "destination: {parquet: {path: a, mode: \"0440\"}}", `parquet.mode: "0440" is not valid; expected the mode of files in octal`},
		"mode with execution":        {head + "destination: {parquet: {path: a, mode: \"0750\"}}", "expected the mode of files in octal"},
		"mode without quotes":        {head + "destination: {parquet: {path: a, mode: 0640}}", "is a number; expected text: put it in quotes"},
		"lake without path":          {head + "destination: {parquet: {}}", "destination.parquet.path: is missing"},
		"not a Postgres URL":         {head + "destination: {postgres: {url: \"mysql://u:made-up@h/d\"}}", "is not a Postgres URL"},
		"not a Postgres read URL":    {head + "destination: {postgres: {url: \"postgres://h/d\", read_url: \"mysql://u:made-up@h/d\"}}", "destination.postgres.read_url: is not a Postgres URL"},
		"two Postgres read URLs":     {head + "destination: {postgres: {url: \"postgres://h/d\", read_url: \"postgres://h/d\", read_url_file: f}}", "destination.postgres.read_url_file: is set in addition to read_url"},
		"no Postgres URL":            {head + "destination: {postgres: {schema: s}}", "destination.postgres.url: is missing"},
		"schema":                     {head + "destination: {postgres: {url: \"postgres://h/d\", schema: Poly-AI}}", `"Poly-AI" cannot be used`},
		"page size zero":             {head + lake + "sync: {page_size: 0}", "9:8: sync.page_size: \"0\" is out of range"},
		"page size in quotes":        {head + lake + "sync: {page_size: \"10\"}", `"10" is not a whole number`},
		"page size in words":         {head + lake + "sync: {page_size: many}", `"many" is not a whole number`},
		"negative workers":           {head + lake + "sync: {workers: {load: -1}}", "sync.workers.load: \"-1\" is out of range; expected 0 to 4, where 0 means one per CPU core"},
		"too many loaders":           {head + lake + "sync: {workers: {load: 5}}", "sync.workers.load: \"5\" is out of range; expected 0 to 4"},
		"rate":                       {head + lake + "sync: {max_requests_per_second: .nan}", "max_requests_per_second"},
		"no rate":                    {head + lake + "sync: {max_requests_per_second: 0}", `"0" is out of range`},
		"boolean":                    {head + lake + "sync: {adaptive: yes}", `"yes" is not a boolean; expected true or false`},
		"on_missing":                 {head + lake + "sync: {on_missing: drop}", "expected mark or delete"},
		"missing_limit.share":        {head + lake + "sync: {missing_limit: {share: 10}}", `sync.missing_limit.share: "10" is out of range; expected 0 to 1, where 0.1 is 10 %`},
		"missing_limit.at_least":     {head + lake + "sync: {missing_limit: {at_least: 0}}", `sync.missing_limit.at_least: "0" is out of range; expected 1 or more`},
		"duration":                   {head + lake + "sync: {open_age_limit: 3 weeks}", "expected a duration such as 30m, 24h or 7d"},
		"no duration":                {head + lake + "sync: {open_age_limit: 0h}", "longer than 0"},
		"tiers":                      {head + lake + "sync: {lookback: {hourly: 30m}}", "sync.lookback.hourly: is shorter than each_run"},
		"no cron":                    {head + lake + "schedules: {nightly: {kind: incremental}}", "schedules.nightly.cron: is missing"},
		"cron":                       {head + lake + "schedules: {nightly: {cron: 0 25 * * *}}", `"0 25 * * *" is not a schedule: a field is missing, misspelt or out of range; expected minute, hour`},
		"cron of the eighth day":     {head + lake + "schedules: {nightly: {cron: 0 0 * * 8}}", "expected minute, hour, day, month, weekday"},
		"cron of half a second":      {head + lake + "schedules: {nightly: {cron: \"@every 500ms\"}}", "@every needs a duration of whole seconds"},
		"cron that never comes":      {head + lake + "schedules: {nightly: {cron: 0 0 30 2 *}}", "it never matches a date"},
		"cron with a zone":           {head + lake + "schedules: {nightly: {cron: TZ=0}}", "use the key time_zone"},
		"schedule of no project":     {head + lake + "schedules: {nightly: {cron: 0 0 * * *, projects: [acme-team-5]}}", `"acme-team-5" is not a project of source.projects`},
		"schedule's kind":            {head + lake + "schedules: {nightly: {cron: 0 0 * * *, kind: full}}", "expected incremental, verify, audio or report"},
		"a user alone":               {head + lake + "serve: {user: ada}", "9:9: serve.user: and serve.password belong together; expected both, or neither"},
		"a password alone":           {head + lake + "serve: {password: made-up}", "9:1: serve.user: and serve.password belong together"},
		"a user with a colon":        {head + lake + "serve: {user: \"a:b\", password: made-up}", `9:9: serve.user: contains a colon`},
		"two passwords":              {head + lake + "serve: {user: ada, password: made-up, password_file: f}", "9:39: serve.password_file: is set in addition to password; expected only one of password, password_file or password_command"},
		"a webhook in the clear":     {head + lake + "notify: {webhook_url: \"http://hooks.example.com/made-up\"}", "9:10: notify.webhook_url: would be sent unencrypted, and it works for anyone who reads it; expected https"},
		"no webhook URL":             {head + lake + "notify: {webhook_url: made-up}", "9:10: notify.webhook_url: is not a URL; expected one such as https://hooks.example.com/"},
		"no heartbeat URL":           {head + lake + "notify: {heartbeat_url: \"ftp://made-up\"}", "9:10: notify.heartbeat_url: is not a URL"},
		"two webhooks":               {head + lake + "notify: {webhook_url: \"https://made-up\", webhook_url_file: f}", "notify.webhook_url_file: is set in addition to webhook_url; expected only one of"},
		"a format":                   {head + lake + "notify: {webhook_url_file: f, format: teams}", `9:31: notify.format: "teams" is not known; expected slack or json`},
		"a format without a webhook": {head + lake + "notify: {command: cat, format: json}", "9:24: notify.format: is the format of a webhook, but no webhook is configured"},
		"a key of notify":            {head + lake + "notify: {webhook: f}", "9:10: notify.webhook: is not a key of notify; expected webhook_url, webhook_url_file"},
		"unknown section":            {head + lake + "destinations: {}", "9:1: destinations: is not a key of the file; expected source, destination, sync, audio, schedules, serve, notify or handoff_reason_map; did you mean destination?"},
		"section of another kind":    {head + lake + "sync: [a]", "sync: is a list; expected keys and values"},
		"key twice":                  {head + lake + lake, `9:1: is not valid YAML: mapping key "destination" already defined`},
		"variable in a flow":         {head + "destination: {postgres: {url: ${DATABASE_URL}}}", `put "${NAME}" in quotes`},
		"dollar without braces":      {strings.Replace(head, "made-up-key-4711", "$KEY", 1) + lake, "4:3: source.api_key: contains a $ that is not part of a ${NAME}"},
		"brace that is not closed":   {strings.Replace(head, "made-up-key-4711", "${KEY", 1) + lake, "contains a ${ without a closing }"},
		"no name":                    {strings.Replace(head, "made-up-key-4711", "${}", 1) + lake, "without the name of a variable"},
		"empty variable":             {strings.Replace(head, "made-up-key-4711", "${EMPTY}", 1) + lake, "source.api_key: is empty"},
		"alias":                      {strings.Replace(head, "region: uk", "region: &r uk", 1) + lake, "which are not supported"},
		"two documents":              {head + lake + "---\n" + head, "contains several YAML documents"},
		"empty file":                 {"# nothing\n", "is empty; expected the keys source and destination"},
		"no bytes":                   {"", "is empty; expected the keys source and destination"},
		"tab":                        {"source:\n\tregion: uk\n", ":2:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, c.text, map[string]string{"EMPTY": ""})
			wantMessage(t, err, c.want)
			if err != nil && strings.Contains(err.Error(), "made-up") {
				t.Errorf("the error shows a secret: %v", err)
			}
			if p := (*config.Problem)(nil); err != nil && !errors.As(err, &p) {
				t.Errorf("%T is no Problem", err)
			}
		})
	}
}

func TestAValueOfAVariableCannotChangeTheStructureNorBeShown(t *testing.T) {
	t.Parallel()
	nasty := "x\"\n  region: us\n# }: ${OTHER} $$"
	text := strings.Replace(head, "made-up-key-4711", "${KEY}", 1)
	got, err := load(t, strings.Replace(text, "${KEY}", "pre${KEY:-none}$${x}", 1)+lake, map[string]string{"KEY": "a b: [c]"})
	if err != nil {
		t.Fatal(err)
	}
	if key, _ := got.Projects[0].APIKey.Resolve(t.Context()); key != "prea b: [c]${x}" {
		t.Errorf("key = %q", key)
	}
	got, err = load(t, text+lake, map[string]string{"KEY": nasty})
	if err != nil || got.Projects[0].Region != "uk" {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = load(t, head+lake+"sync: {page_size: \"${KEY}\"}\n", map[string]string{"KEY": "made-up"})
	wantMessage(t, err, `sync.page_size: "${KEY}" is not a whole number`)
	if strings.Contains(err.Error(), "made-up") {
		t.Errorf("the error shows what the variable held: %v", err)
	}
	got, err = load(t, head+lake+"sync: {page_size: \"${SIZE:-20}\", adaptive: \"${YES:-true}\"}\n", nil)
	if err != nil || got.Sync.PageSize != 20 || !got.Sync.Adaptive {
		t.Errorf("numbers from variables: %+v, %v", got, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(head + lake)
	f.Add(head + "destination: {postgres: {url: \"${DATABASE_URL}\"}}\nsync: {start: 2026-01-01, lookback: {daily: 7d}}\nschedules: {a: {cron: '* * * * *'}}\n")
	f.Add("source: {studio_url: \"https://studio.uk.poly.ai/a/b\", api_key_command: echo x}\n" + lake)
	f.Add("a: &x [*x, !!str ${A:-}, {? b}]\n<<: *x\n--- |\n")
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "5ecret-of-the-environment"
		cfg, err := load(t, text, map[string]string{"DATABASE_URL": secret, "A": secret, "POLYAI_API_KEY": secret})
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a secret: %v", err)
			}
			return
		}
		if len(cfg.Projects) == 0 || (cfg.Destination.Parquet == nil) == (cfg.Destination.Postgres == nil) || cfg.Fingerprint() == "" {
			t.Errorf("accepted, but not whole: %+v", cfg)
		}
		for _, p := range cfg.Projects {
			if p.ID == "" || p.AccountID == "" || p.APIKey.IsZero() || p.Region == "" && p.BaseURL == "" || len(p.Environments) == 0 {
				t.Errorf("accepted, but not whole: %+v", p)
			}
		}
	})
}

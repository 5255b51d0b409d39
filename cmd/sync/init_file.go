package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// render returns the file that init writes.
func (o *initOptions) render() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Configuration of convsync. Values may contain ${NAME} or ${NAME:-default}. Do not write secrets into this file.")
	line("source:")
	switch {
	case o.studioURL != "":
		line("  studio_url: %s   # sets region, account and project", yamlText(o.studioURL))
	case o.baseURL != "":
		line("  base_url: %s   # instead of a region", yamlText(o.baseURL))
	}
	if o.region != "" {
		line("  region: %s   # us, uk, eu, studio", yamlText(o.region))
	}
	if o.account != "" {
		line("  account_id: %s", yamlText(o.account))
	}
	line("  api_key: ${%s}   # or api_key_file, api_key_command", o.keyEnv)
	for i, id := range o.allProjects() {
		if i == 0 {
			line("  projects:")
		}
		line("    - id: %s", yamlText(id))
		line("      environments: [live]   # live, sandbox, pre-release")
		line("      time_zone: UTC         # for the days of dashboards, such as Europe/London")
	}
	line("")
	line("destination:   # exactly one")
	if o.destination == "postgres" {
		line("  postgres: { url: \"${%s}\", schema: polyai }", o.postgresURLEnv)
		line("  # parquet: { path: ./convsync-data }")
	} else {
		line("  parquet: { path: %s }   # a relative path starts at the folder of this file", yamlText(o.path))
		line("  # postgres: { url: \"${%s}\", schema: polyai }", o.postgresURLEnv)
	}
	line("")
	line("sync:")
	line("  start: %s   # start of the history; with an earlier day, the next run loads the days before", yamlText(o.start))
	line("  # lookback: { each_run: 1h, hourly: 24h, daily: 168h }   # how far back runs read again")
	line("  # open_age_limit: 168h")
	line("  # page_size: 500")
	line("  # max_requests_per_second: 5   # per API key; no limit if the host is this machine")
	line("  # audio: check   # recordings: off, reference (the default), check or store; store needs the next line, too")
	line("# audio: { store: ./recordings }   # folder of the copies of recordings")
	return b.String()
}

var plainYAML = regexp.MustCompile(`^[A-Za-z./][A-Za-z0-9_./:-]*[A-Za-z0-9_/]$|^\d{4}-\d{2}-\d{2}$`)

// yamlText quotes a value as a YAML string where necessary.
func yamlText(value string) string {
	value = strings.ReplaceAll(value, "$", "$$")
	if plainYAML.MatchString(value) && value != "true" && value != "false" && value != "null" {
		return value
	}
	return strconv.Quote(value)
}

package config

import "strings"

// fromEnvironment creates a configuration from POLYAI_* variables only: one
// project, live, into a Parquet lake in ./convsync-data.
func fromEnvironment(opts Options) (*Config, error) {
	get := func(name string) string {
		value, _ := opts.LookupEnv(name)
		return strings.TrimSpace(value)
	}
	doc := defaults()
	source := &doc.Source
	source.APIKey = get("POLYAI_API_KEY")
	if source.APIKey == "" && opts.WithoutKeys && get("POLYAI_PROJECT_ID") != "" {
		source.APIKey = noKey
	}
	source.Region = get("POLYAI_REGION")
	source.BaseURL = get("POLYAI_BASE_URL")
	source.AccountID = get("POLYAI_ACCOUNT_ID")
	project := projectKeys{ID: get("POLYAI_PROJECT_ID")}
	if source.APIKey+source.Region+source.BaseURL+source.AccountID+project.ID == "" {
		return nil, &Problem{Text: "no configuration found: no --config, no $CONVSYNC_CONFIG, no " + DefaultFile +
			" in this folder, and no POLYAI_API_KEY; write one with `convsync init`, or try convsync without a key with `convsync demo`"}
	}
	source.Projects = []projectKeys{project}
	doc.Destination.Parquet = &parquetKeys{Path: "./convsync-data"}

	r := &report{names: map[string]string{
		"source.api_key":        "POLYAI_API_KEY",
		"source.region":         "POLYAI_REGION",
		"source.base_url":       "POLYAI_BASE_URL",
		"source.account_id":     "POLYAI_ACCOUNT_ID",
		"source.projects[0].id": "POLYAI_PROJECT_ID",
	}}
	need := func(path, value, expected string) {
		if value == "" {
			r.add(path, "is not set; expected %s; or write a file with: convsync init", expected)
		}
	}
	need("source.api_key", source.APIKey, "the key of the Conversations API")
	need("source.region", source.Region+source.BaseURL, enumerate(regionNames)+", or POLYAI_BASE_URL")
	need("source.account_id", source.AccountID, "the account's id, such as acme-uk")
	need("source.projects[0].id", project.ID, "the project's id, such as acme-team-4")
	cfg := resolve(&doc, r, opts)
	if err := r.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

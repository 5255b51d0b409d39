package main

import (
	"maps"
	"slices"

	"convsync/internal/config"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// rulesOf returns the rules for all that is stored of a project. The configuration
// has no key for rules yet, so there are none.
func rulesOf(*config.Project) transform.Rules { return nil }

// eventRules applies the rules of its project to the body of a webhook event, and
// those of all projects if its project is not configured. byProject has the rules by
// stored id.
func eventRules(byProject map[string]transform.Rules) func(projectID string, body warehouse.JSON) warehouse.JSON {
	var all transform.Rules
	for _, id := range slices.Sorted(maps.Keys(byProject)) {
		all = append(all, byProject[id]...)
	}
	return func(projectID string, body warehouse.JSON) warehouse.JSON {
		rules, configured := byProject[projectID]
		if !configured {
			rules = all
		}
		return rules.Payload(polyai.Value(body))
	}
}

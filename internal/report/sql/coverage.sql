SELECT project_id, covered_from, covered_until FROM sync_coverage WHERE {{.Feeds "sync_coverage"}}

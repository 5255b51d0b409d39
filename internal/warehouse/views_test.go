package warehouse

import "testing"

// TestViews_OneText checks which views need no text per engine.
func TestViews_OneText(t *testing.T) {
	t.Parallel()
	alike := map[string]bool{"freshness": true, "utterances": true, "transcript_gaps": true}
	duck := Views(DuckDB)
	for i, v := range Views(Postgres) {
		if same := v.Select == duck[i].Select; same != alike[v.Name] {
			t.Errorf("%s: the engines have the same text: %v", v.Name, same)
		}
	}
}

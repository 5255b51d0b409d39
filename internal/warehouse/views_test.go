package warehouse

import "testing"

// TestViews_OneText checks that only the named views have a text per engine.
func TestViews_OneText(t *testing.T) {
	t.Parallel()
	apart := map[string]bool{"contacts": true, "callbacks": true, "daily_kpis": true, "variant_comparison": true, "latency_hourly": true}
	duck := Views(DuckDB)
	for i, v := range Views(Postgres) {
		if same := v.Select == duck[i].Select; same == apart[v.Name] {
			t.Errorf("%s: the engines have the same text: %v", v.Name, same)
		}
	}
}

package config

import "testing"

func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	unset := func(string) (string, bool) { return "", false }
	for name, key := range map[string]string{
		"variable":  "  api_key: ${POLYAI_API_KEY}\n",
		"workspace": "  api_key: ${POLYAI_API_KEY}\n  workspace_api_key: ${OTHER}\n",
		"none":      "",
	} {
		text := []byte("source:\n  region: uk\n  account_id: acme-uk\n" + key + "  projects: [{ id: acme-team-4 }]\ndestination:\n  parquet: { path: ./data }\n")
		if _, err := Parse("convsync.yaml", text, Options{LookupEnv: unset}); err == nil {
			t.Errorf("%s: with keys it is not refused", name)
		}
		if _, err := Parse("convsync.yaml", text, Options{LookupEnv: unset, WithoutKeys: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Other variables are needed still.
	text := []byte("source:\n  region: uk\n  account_id: ${ACCOUNT}\n  api_key: ${KEY}\n  projects: [{ id: acme-team-4 }]\ndestination:\n  parquet: { path: ./data }\n")
	if _, err := Parse("convsync.yaml", text, Options{LookupEnv: unset, WithoutKeys: true}); err == nil {
		t.Error("an unset account is not refused")
	}
}

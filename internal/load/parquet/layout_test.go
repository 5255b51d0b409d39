package parquet

import "testing"

func TestAnyNameIsAFolder(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"PROJECT-1_a.b~c": "PROJECT-1_a.b~c", "..": "..", "a/b=c%": "a%2Fb%3Dc%25", "é ": "%C3%A9%20", "": "", "x\x00": "x%00",
		"__HIVE_DEFAULT_PARTITION__": "%5F_HIVE_DEFAULT_PARTITION__", "NULL": "%4EULL",
	} {
		if got := escape(id); got != want {
			t.Errorf("%q becomes %q, want %q", id, got, want)
		}
	}
}

func TestSizes_MergesNothing(t *testing.T) {
	t.Parallel()
	if groups := defaultSizes.merges(nil, 0); groups != nil {
		t.Errorf("merges %v", groups)
	}
}

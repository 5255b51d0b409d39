package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

func stamp(microseconds int64) warehouse.Timestamp { return warehouse.Timestamp(microseconds) }

func text(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

func hole(from, until int64) warehouse.Hole {
	return warehouse.Hole{From: stamp(from), Until: stamp(until), Reason: "status_500"}
}

func TestMaskNumber(t *testing.T) {
	t.Parallel()
	for number, want := range map[warehouse.Text]warehouse.Text{
		"":                        "",
		"+441632960123":           "+44*****123",
		"01632 960123":            "016*****123",
		"+123456789":              "+12*****789",
		"12345678":                "*****",
		"anonymous":               "*****",
		"sip:someone@example.com": "*****",
	} {
		if got := maskNumber(number); got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
	}
}

func TestAppendCSV(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                 "",
		"plain":            "plain",
		"=1+1":             "'=1+1",
		"+44":              "'+44",
		"-1":               "'-1",
		"@SUM(A1)":         "'@SUM(A1)",
		"\tx":              "'\tx",
		"'quoted":          "''quoted",
		"=HYPERLINK(\"x\"": "\"'=HYPERLINK(\"\"x\"\"\"",
		"a,b":              "\"a,b\"",
		"a\r\nb":           "\"a\r\nb\"",
		" x":               "\" x\"",
		"a=b":              "a=b",
	} {
		if got := string(appendCSV(nil, value)); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

// TestLists_AnyText checks that every text comes back exactly from CSV and JSON.
func TestLists_AnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.SampledFrom([]rune("a=+-@'\"\t,; \n\\é%"))).Draw(t, "value")
		row := &warehouse.ExportedRecording{ConversationID: value, Reason: warehouse.Text(value)}
		var out bytes.Buffer
		l, err := newCSVList(&out)
		if err = errors.Join(err, l.add(row)); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil || strings.TrimPrefix(lines[1][2], csvPrefix) != value {
			t.Fatalf("CSV of %q: %v, %q", value, err, lines)
		}
		if begin := lines[1][2]; begin != "" && strings.ContainsAny(begin[:1], "=+-@\t\r\n") {
			t.Fatalf("a spreadsheet may run %q", begin)
		}
		out.Reset()
		if err := newJSONList(&out).add(row); err != nil {
			t.Fatal(err)
		}
		var got struct {
			ID     string  `json:"conversation_id"`
			Reason *string `json:"reason"`
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.ID != value || (got.Reason == nil) != (value == "") {
			t.Fatalf("JSON of %q: %v, %+v", value, err, got)
		}
	})
}

func TestJSON_InvalidText(t *testing.T) {
	t.Parallel()
	if got := string(appendQuoted(nil, "a\xffb")); got != `"a�b"` {
		t.Errorf("got %s", got)
	}
}

func FuzzSums(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	f.Add(sum + "  a/b.wav\n")
	f.Add(`\` + sum + ` *a\nb\\c` + "\n")
	f.Add("# comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := readSums(strings.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeSums(&again, files); err != nil {
			t.Fatal(err)
		}
		same, err := readSums(&again)
		if err != nil || len(same) != len(files) {
			t.Fatalf("%q: %v, %v", text, same, err)
		}
		for i := range files {
			if files[i] != same[i] {
				t.Errorf("%q: got %+v, want %+v", text, same[i], files[i])
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	var written bytes.Buffer
	if err := (&Manifest{Format: manifestFormat, ExportID: "1"}).write(&written, []File{{"a", 1, "b"}, {"c", 2, "d"}}); err != nil {
		f.Fatal(err)
	}
	f.Add(written.String())
	f.Add(`{"files":[{}],"format":"convsync-export/1"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var files []File
		m, err := readManifest(strings.NewReader(text), func(f File) { files = append(files, f) })
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := m.write(&again, files); err != nil {
			t.Fatal(err)
		}
		n := 0
		if _, err := readManifest(&again, func(File) { n++ }); err != nil || n != len(files) {
			t.Errorf("%q: %d files of %d: %v", text, n, len(files), err)
		}
	})
}

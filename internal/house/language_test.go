package house

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// banned lists phrases that hide what happens, with the words to write instead.
// A phrase is a regular expression that matches whole words in any case; a space
// in it matches a line break, too. Only phrases without a legitimate use belong
// here. docs/glossary.md has the terms.
var banned = []struct{ phrase, instead string }{
	{`anew`, "again, or from scratch"},
	{`told (of|that|when|which|where|only|once|over)`, "reported, returned or logged"},
	{`(is|are|was|were|be|been) told`, "is notified, or gets"},
	{`tells? (of|people|whom)`, "reports or notifies"},
	{`heed(s|ed|less)?`, "honor"},
	{`nobody`, "no user, no caller, or the passive"},
	{`no \w+ any ?more`, "no longer"},
	{`beside`, "next to, concurrently with, or in addition to"},
	{`(came|comes?|becomes?) of (it|them)`, "the result is"},
	{`what (came|becomes?|became) of`, "the result or outcome of"},
	{`stands? (in|on|beside)`, "is stored in, is in, or remains"},
	{`no longer than a word`, "give the limit"},
	{`without a word`, "killed, or without a message"},
	{`sightings?`, "observations or occurrences"},
	{`bears?`, "tolerates or accepts"},
	{`borne`, "tolerated"},
	{`good for`, "say what it does"},
	{`vanish(ed|es)?`, "missing"},
	{`revealed`, "visible again"},
	{`worklist`, "open-conversation queue"},
	{`stretch(es)?`, "window or time range"},
	{`the source's now`, "server time"},
	{`patience`, "timeout"},
	{`whoever`, "name the role: users, readers"},
	{`(proves|proved|proof)`, "checks, test"},
	{`promis(es?|ed)`, "guarantee"},
	{`(goes|go|went) on`, "continues"},
	{`for good`, "permanently"},
	{`takes? in`, "receives"},
	{`taken for`, "treated as"},
	{`slept through`, "was paused during"},
	{`of them again`, "retries"},
	{`read whole`, "read completely"},
	{`of nothing`, "none"},
	{`slots?`, "request permit, or scheduled time"},
	{`at hand`, "available"},
	{`know(s|n)? no`, "does not have"},
}

// inCode matches what a reader copies, and not prose: code blocks, code spans,
// and targets of links.
var inCode = regexp.MustCompile("(?s)(?:^|\n)```.*?\n```|`[^`\n]*`|\\]\\([^)\n]*\\)")

func TestLanguage(t *testing.T) {
	t.Parallel()
	broken, pages := checkLanguage(t, os.DirFS("../.."))
	for _, b := range broken {
		t.Error(b)
	}
	if pages < 50 {
		t.Errorf("only %d pages found: the walk is broken", pages)
	}
}

func TestLanguage_Planted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"Phrase":     {"# A\n\nIt reads everything anew.\n", `docs/x.md:3: "anew": write again, or from scratch`},
		"UpperCase":  {"Nobody waits.\n", `docs/x.md:1: "Nobody": write no user, no caller, or the passive`},
		"LineBreak":  {"a\nWhat is told\nof it\n", `docs/x.md:2: "told of": write reported, returned or logged`},
		"AfterCode":  {"```sh\na\n```\nb `c` beside\n", `docs/x.md:4: "beside": write next to, concurrently with, or in addition to`},
		"CodeSpan":   {"the table `sync_revealed`, `revealed`\n", ""},
		"CodeBlock":  {"```sql\nSELECT anew\n```\n", ""},
		"LinkTarget": {"[text](a/events-beside-the-writer.md)\n", ""},
		"PartOfWord": {"renewed, besides, bearer, canewood\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, _ := checkLanguage(t, fstest.MapFS{"docs/x.md": {Data: []byte(c.text)}})
			got := strings.Join(broken, "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("found %q, not %q", got, c.want)
			}
		})
	}
}

// checkLanguage lists banned phrases in the Markdown of a repository. To check
// another kind of file, add a function to proseOf.
func checkLanguage(t *testing.T, root fs.FS) (broken []string, files int) {
	t.Helper()
	rules := compileBanned()
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || entry.Name() == "node_modules"):
			return fs.SkipDir
		}
		prose := proseOf(name)
		if entry.IsDir() || prose == nil {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files++
		broken = append(broken, rules.find(name, prose(string(text)))...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return broken, files
}

// proseOf returns the function that blanks everything in a file but its prose,
// and keeps all positions; nil if the file is not checked.
func proseOf(name string) func(text string) string {
	if strings.HasSuffix(name, ".md") {
		return proseOfMarkdown
	}
	return nil
}

func proseOfMarkdown(text string) string {
	return inCode.ReplaceAllStringFunc(text, func(code string) string {
		return regexp.MustCompile(`[^\n]`).ReplaceAllString(code, "\x00")
	})
}

type bannedRule struct {
	pattern *regexp.Regexp
	instead string
}

type bannedRules []bannedRule

func compileBanned() (rules bannedRules) {
	for _, b := range banned {
		phrase := strings.ReplaceAll(b.phrase, " ", `\s+`)
		rules = append(rules, bannedRule{regexp.MustCompile(`(?i)\b(?:` + phrase + `)\b`), b.instead})
	}
	return rules
}

// find reports each phrase as file:line.
func (rules bannedRules) find(name, prose string) (broken []string) {
	for _, r := range rules {
		for _, at := range r.pattern.FindAllStringIndex(prose, -1) {
			line := 1 + strings.Count(prose[:at[0]], "\n")
			phrase := strings.Join(strings.Fields(prose[at[0]:at[1]]), " ")
			broken = append(broken, fmt.Sprintf("%s:%d: %q: write %s", name, line, phrase, r.instead))
		}
	}
	return broken
}

package house

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
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
	broken, files := checkLanguage(t, os.DirFS("../.."))
	for _, b := range broken {
		t.Error(b)
	}
	if files < 500 {
		t.Errorf("only %d files found: the walk is broken", files)
	}
}

func TestLanguage_Planted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"Phrase":      {"docs/x.md", "# A\n\nIt reads everything anew.\n", `docs/x.md:3: "anew": write again, or from scratch`},
		"UpperCase":   {"docs/x.md", "Nobody waits.\n", `docs/x.md:1: "Nobody": write no user, no caller, or the passive`},
		"LineBreak":   {"docs/x.md", "a\nWhat is told\nof it\n", `docs/x.md:2: "told of": write reported, returned or logged`},
		"AfterCode":   {"docs/x.md", "```sh\na\n```\nb `c` beside\n", `docs/x.md:4: "beside": write next to, concurrently with, or in addition to`},
		"CodeSpan":    {"docs/x.md", "the table `sync_revealed`, `revealed`\n", ""},
		"CodeBlock":   {"docs/x.md", "```sql\nSELECT anew\n```\n", ""},
		"LinkTarget":  {"docs/x.md", "[text](a/events-beside-the-writer.md)\n", ""},
		"PartOfWord":  {"docs/x.md", "renewed, besides, bearer, canewood\n", ""},
		"Comment":     {"internal/x.go", "package x\n\n// f was read\n// whole.\nfunc f() {}\n", `internal/x.go:3: "read whole": write read completely`},
		"String":      {"internal/x.go", "package x\n\nvar s = `\nit is told`\n", `internal/x.go:4: "is told": write is notified, or gets`},
		"Identifier":  {"internal/x.go", "package x\n\nvar told, stretch = anew, \"is\" /* a */ + beside\n", ""},
		"Tag":         {"internal/x.go", "package x\n\ntype t struct {\n\tA int `json:\"slots\"`\n}\n", ""},
		"Simulator":   {"internal/simulate/x.go", "package x\n\nvar s = \"nobody\" // nobody\n", `internal/simulate/x.go:3: "nobody"`},
		"BetweenCode": {"internal/x.go", "package x\n\nvar s = \"is \" + x + \" told\"\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, _ := checkLanguage(t, fstest.MapFS{c.file: {Data: []byte(c.text)}})
			got := strings.Join(broken, "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("found %q, not %q", got, c.want)
			}
		})
	}
}

// checkLanguage lists banned phrases in the Markdown and Go files of a repository.
// To check another kind of file, add a function to proseOf.
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
	switch {
	case strings.HasSuffix(name, ".md"):
		return proseOfMarkdown
	case name == "internal/house/language_test.go": // it has the phrases
		return nil
	case strings.HasPrefix(name, "internal/simulate/"): // its strings are what made-up people say
		return func(text string) string { return proseOfGo(text, token.COMMENT) }
	case strings.HasSuffix(name, ".go"):
		return func(text string) string { return proseOfGo(text, token.COMMENT, token.STRING) }
	}
	return nil
}

// tag matches the tag of a field, which is no prose.
var tag = regexp.MustCompile("^`\\w+:\"")

// proseOfGo leaves the comments or strings. A phrase may continue in the next line
// of a comment.
func proseOfGo(text string, kinds ...token.Token) string {
	prose := blank(text)
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	for {
		at, kind, literal := s.Scan()
		switch {
		case kind == token.EOF:
			return string(prose)
		case slices.Contains(kinds, kind) && !tag.MatchString(literal):
			copy(prose[file.Offset(at):], strings.Replace(literal, "//", "  ", 1))
		}
	}
}

// blank replaces everything but white space, so that positions stay.
func blank(text string) []byte {
	blanked := []byte(text)
	for i, b := range blanked {
		if b != ' ' && b != '\t' && b != '\n' {
			blanked[i] = 0
		}
	}
	return blanked
}

func proseOfMarkdown(text string) string {
	return inCode.ReplaceAllStringFunc(text, func(code string) string { return string(blank(code)) })
}

type bannedRule struct {
	pattern *regexp.Regexp
	instead string
}

type bannedRules struct {
	any  *regexp.Regexp // one of them: most files have none, and are searched once
	each []bannedRule
}

func compileBanned() (rules bannedRules) {
	var phrases []string
	for _, b := range banned {
		phrase := strings.ReplaceAll(b.phrase, " ", `\s+`)
		rules.each = append(rules.each, bannedRule{regexp.MustCompile(`(?i)\b(?:` + phrase + `)\b`), b.instead})
		phrases = append(phrases, phrase)
	}
	rules.any = regexp.MustCompile(`(?i)\b(?:` + strings.Join(phrases, "|") + `)\b`)
	return rules
}

// find reports each phrase as file:line.
func (rules *bannedRules) find(name, prose string) (broken []string) {
	if !rules.any.MatchString(prose) {
		return nil
	}
	for _, r := range rules.each {
		for _, at := range r.pattern.FindAllStringIndex(prose, -1) {
			line := 1 + strings.Count(prose[:at[0]], "\n")
			phrase := strings.Join(strings.Fields(prose[at[0]:at[1]]), " ")
			broken = append(broken, fmt.Sprintf("%s:%d: %q: write %s", name, line, phrase, r.instead))
		}
	}
	return broken
}

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peterh/liner"

	"convsync/internal/answer"
	"convsync/internal/questions"
)

// sqlWords are the keywords that the prompt completes.
var sqlWords = strings.Fields("SELECT FROM WHERE GROUP ORDER BY LIMIT HAVING JOIN LEFT USING ON AND OR NOT NULL IS IN BETWEEN LIKE AS WITH DISTINCT " +
	"COUNT SUM MIN MAX AVG CASE WHEN THEN ELSE END CAST UNION DESC ASC EXPLAIN INTERVAL DATE TIMESTAMP FILTER OVER PARTITION")

var promptCommands = []string{`\d`, `\dt`, `\dv`, `\l`, `\x`, `\q`, `\?`}

// complete returns the names that the word before the cursor may become.
func (p *prompt) complete(line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	pos = min(pos, len(runes))
	head, tail = string(runes[:pos]), string(runes[pos:])
	others := `_\`
	if strings.HasPrefix(strings.TrimSpace(head), `\l `) {
		others += "-" // in names of questions
	}
	start := strings.LastIndexFunc(head, func(c rune) bool { return !strings.ContainsRune(others, c) && !isLetter(c) }) + 1
	word := head[start:]
	head = head[:start]
	for _, name := range p.candidates(head, word) {
		if len(word) > 0 && len(name) >= len(word) && strings.EqualFold(name[:len(word)], word) && !slices.Contains(completions, name) {
			completions = append(completions, name)
		}
	}
	return head, completions, tail
}

func isLetter(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// candidates lists names: first columns of the objects that the statement names.
func (p *prompt) candidates(head, word string) (names []string) {
	if strings.HasPrefix(word, `\`) {
		return promptCommands
	}
	if strings.HasPrefix(strings.TrimSpace(head), `\l`) {
		return questions.Names()
	}
	var columns, others []string
	named := map[string]bool{}
	for _, t := range answer.Lex(p.pending + head) {
		named[strings.ToLower(t.Text)] = true
	}
	for i := range p.objects {
		names = append(names, p.objects[i].Name)
		for _, c := range p.objects[i].Columns {
			if named[p.objects[i].Name] {
				columns = append(columns, c.Name)
			} else {
				others = append(others, c.Name)
			}
		}
	}
	if len(columns) == 0 {
		columns = others
	}
	if strings.HasPrefix(strings.TrimSpace(head), `\d`) {
		return names
	}
	return slices.Concat(columns, names, sqlWords)
}

// queryHistory stores statements in a file. They may contain personal data, so only
// the user can read it.
type queryHistory struct{ path string } // "": there is none

func newQueryHistory(lookupEnv func(string) (string, bool), off bool) *queryHistory {
	folder, _ := lookupEnv("XDG_STATE_HOME")
	if home, _ := lookupEnv("HOME"); folder == "" && home != "" {
		folder = filepath.Join(home, ".local", "state")
	}
	if off || folder == "" {
		return &queryHistory{}
	}
	return &queryHistory{filepath.Join(folder, "convsync", "history")}
}

// maxHistoryBytes is the size beyond which the file is written again with the
// statements that the prompt holds.
const maxHistoryBytes = 1 << 20

// load reads the history. A history that cannot be read or written does not prevent
// queries.
func (h *queryHistory) load(line *liner.State) {
	f, err := os.Open(h.path)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // it is only read
	_, _ = line.ReadHistory(f)
	if info, err := f.Stat(); err == nil && info.Size() > maxHistoryBytes {
		if short, err := os.OpenFile(h.path, os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_, _ = line.WriteHistory(short)
			_ = short.Close()
		}
	}
}

// add adds a statement, on one line.
func (h *queryHistory) add(line *liner.State, statement string) {
	text := flatten(statement)
	if text == "" {
		return
	}
	line.AppendHistory(text)
	if h.path == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return
	}
	f, err := os.OpenFile(h.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	_, err = io.WriteString(f, text+"\n")
	_ = errors.Join(err, f.Chmod(0o600), f.Close()) // a file of ours with another mode
}

// flatten returns a statement on one line, without comments. "" if a string in it has
// several lines.
func flatten(statement string) string {
	var line strings.Builder
	for _, t := range answer.Lex(statement) {
		switch t.Kind {
		case answer.Space, answer.Comment:
			line.WriteByte(' ')
		default:
			line.WriteString(t.Text)
		}
	}
	if strings.ContainsAny(line.String(), "\r\n") {
		return ""
	}
	return strings.TrimSpace(line.String())
}

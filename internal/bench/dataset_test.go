package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"convsync/internal/simulate"
)

// spec describes a data set.
type spec struct {
	Name          string
	Conversations int // of all projects together
	Projects      int
	From, To      time.Time
	Turns         float64
}

// meta describes a data set; it is a file next to it.
type meta struct {
	Spec     spec
	Projects []projectMeta
	Bytes    int64
}

// projectMeta has the conversations of one project: Count lines from First on, newest first.
type projectMeta struct {
	ID           string
	First, Count int
}

const account = "acme-uk"

// The files of a data set. The index has two numbers for each conversation: its
// start in µs, and the offset of the end of its line.
const (
	dataFile  = "data.ndjson"
	indexFile = "index.txt"
	metaFile  = "meta.json"
)

// entry is one conversation in the index: its start, and where its line begins
// and ends.
type entry struct{ start, offset, end int64 }

// prepareHelper writes a data set: prepare SPEC FOLDER. It is a process of its
// own, since the peak memory of a child begins with that of its parent.
func prepareHelper(args []string) error {
	var s spec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return err
	}
	return prepare(s, args[1])
}

func prepare(s spec, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	simulator, err := simulate.New(simulation(s))
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, dataFile))
	if err != nil {
		return err
	}
	w := &writer{out: bufio.NewWriterSize(file, 1<<20)}
	m := meta{Spec: s}
	for i := range s.Projects {
		p := projectMeta{ID: projectID(i), First: len(w.index)}
		if err := w.project(simulator, p.ID); err != nil {
			return err
		}
		p.Count = len(w.index) - p.First
		m.Projects = append(m.Projects, p)
	}
	m.Bytes = w.bytes
	if err := errors.Join(w.out.Flush(), file.Close(), w.writeIndex(filepath.Join(folder, indexFile))); err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, metaFile), text, 0o600) // last: it says that all is there
}

func projectID(i int) string { return fmt.Sprintf("acme-team-%d", i) }

// simulation has the same conversations each day, with other dates. All of them
// have ended.
func simulation(s spec) simulate.Options {
	o := simulate.Options{Seed: 11, Now: func() time.Time { return s.To.AddDate(0, 1, 0) }}
	for i := range s.Projects {
		n := s.Conversations*(i+1)/s.Projects - s.Conversations*i/s.Projects
		o.Projects = append(o.Projects, simulate.Project{
			AccountID:    account,
			ID:           projectID(i),
			From:         s.From,
			To:           s.To,
			TurnsMean:    s.Turns,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		})
	}
	return o
}

// writer collects the conversations of a data set.
type writer struct {
	out   *bufio.Writer
	index []entry
	bytes int64
}

// project writes all conversations of a project, one a line.
func (w *writer) project(source http.Handler, id string) error {
	cursor := ""
	for {
		query := url.Values{"limit": {"1000"}, "include_latency": {"true"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		r := httptest.NewRequest(http.MethodGet, "/v3/"+account+"/"+id+"/conversations?"+query.Encode(), http.NoBody)
		r.Header.Set("X-Api-Key", "made-up")
		answer := httptest.NewRecorder()
		source.ServeHTTP(answer, r)
		next, err := w.page(answer.Body)
		if err != nil || next == "" {
			return err
		}
		cursor = next
	}
}

// page writes the conversations of a page and returns the next cursor.
func (w *writer) page(body io.Reader) (cursor string, err error) {
	d := jsontext.NewDecoder(body)
	for range 3 { // {"conversations":[
		if _, err := d.ReadToken(); err != nil {
			return "", err
		}
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return "", err
		}
		if err := w.conversation(v); err != nil {
			return "", err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return "", err
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return "", err
		}
		isCursor := name.String() == "cursor"
		value, err := d.ReadToken()
		if err != nil {
			return "", err
		}
		if isCursor && value.Kind() == '"' {
			cursor = value.String()
		}
	}
	return cursor, nil
}

func (w *writer) conversation(v []byte) error {
	const field = `"started_at":"`
	at := bytes.Index(v, []byte(field))
	if at < 0 || bytes.IndexByte(v, '\n') >= 0 {
		return errors.New("a simulated conversation has no started_at, or more than one line")
	}
	text, _, _ := bytes.Cut(v[at+len(field):], []byte(`"`))
	start, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return err
	}
	offset := w.bytes
	w.bytes += int64(len(v)) + 1
	w.index = append(w.index, entry{start.UnixMicro(), offset, w.bytes})
	if _, err := w.out.Write(v); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

func (w *writer) writeIndex(name string) error {
	var b []byte
	for _, e := range w.index {
		b = append(strconv.AppendInt(b, e.start, 10), ' ')
		b = append(strconv.AppendInt(b, e.end, 10), '\n')
	}
	return os.WriteFile(name, b, 0o600)
}

// dataset is a prepared data set.
type dataset struct {
	meta
	folder string
}

// n is the number of conversations.
func (d *dataset) n() int {
	last := d.Projects[len(d.Projects)-1]
	return last.First + last.Count
}

func (d *dataset) ndjson() string { return filepath.Join(d.folder, dataFile) }

func openDataset(folder string) (*dataset, error) {
	d := &dataset{folder: folder}
	text, err := os.ReadFile(filepath.Join(folder, metaFile))
	if err == nil {
		err = json.Unmarshal(text, &d.meta)
	}
	return d, err
}

// readIndex reads the index of a data set.
func readIndex(folder string) (index []entry, err error) {
	file, err := os.Open(filepath.Join(folder, indexFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		start, end, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		var e entry
		var err1, err2 error
		e.start, err1 = strconv.ParseInt(string(start), 10, 64)
		e.end, err2 = strconv.ParseInt(string(end), 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if len(index) > 0 {
			e.offset = index[len(index)-1].end
		}
		index = append(index, e)
	}
	return index, lines.Err()
}

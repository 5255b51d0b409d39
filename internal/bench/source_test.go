package bench

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// variant says how the source differs from the prepared data.
type variant struct {
	Newest   int  // so many of the newest conversations have another note
	Every    int  // so does each one of so many; 0: none
	Of       int  // one of so many conversations is served; 0: all of them
	Gzip     bool // compress for clients that accept it
	PageRows int  // rows of a page, whatever is requested; 0: as requested
}

// changed reports whether a conversation has another note than was prepared.
// newest is the place of a conversation in its project.
func (v *variant) changed(place int) bool {
	return place < v.Newest || v.Every > 0 && place%v.Every == v.Every/2
}

// changes is how many of a project's conversations are changed.
func (v *variant) changes(n int) (changed int) {
	for place := range n {
		if v.changed(place) {
			changed++
		}
	}
	return changed
}

// source serves a data set.
type source struct {
	dataset
	data     *os.File
	index    []entry
	view     atomic.Pointer[view]
	requests atomic.Int64
	packed   *packed
}

// view has the lines that the source serves.
type view struct {
	variant
	projects []projectMeta
	index    []entry
}

// viewOf returns what a variant serves.
func (s *source) viewOf(v variant) *view {
	if v.Of <= 1 {
		return &view{v, s.Projects, s.index}
	}
	served := &view{variant: v}
	for _, p := range s.Projects {
		all := s.index[p.First : p.First+p.Count]
		p.First = len(served.index)
		for place := 0; place < len(all); place += v.Of {
			served.index = append(served.index, all[place])
		}
		p.Count = len(served.index) - p.First
		served.projects = append(served.projects, p)
	}
	return served
}

// sourceHelper serves a data set until its standard input ends: source FOLDER.
// It prints its address. PUT /variant changes what it serves, and GET /requests
// returns the number of requests so far.
func sourceHelper(args []string) error {
	s, err := newSource(args[0])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newSource opens the data set in a folder. The file is closed by the end of the
// process.
func newSource(folder string) (*source, error) {
	d, err := openDataset(folder)
	if err != nil {
		return nil, err
	}
	s := &source{dataset: *d}
	if s.index, err = readIndex(folder); err != nil {
		return nil, err
	}
	s.view.Store(s.viewOf(variant{}))
	s.data, err = os.Open(filepath.Join(folder, dataFile))
	return s, err
}

func (s *source) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /variant", s.change)
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.requests.Load()) })
	mux.HandleFunc("GET /v3/{account}/{project}/conversations", s.list)
	return mux
}

func (s *source) change(w http.ResponseWriter, r *http.Request) {
	v := variant{Gzip: r.FormValue("gzip") != ""}
	v.Newest, _ = strconv.Atoi(r.FormValue("newest"))
	v.Every, _ = strconv.Atoi(r.FormValue("every"))
	v.PageRows, _ = strconv.Atoi(r.FormValue("page_rows"))
	v.Of, _ = strconv.Atoi(r.FormValue("of"))
	if v.Gzip && v.Of > 1 {
		http.Error(w, "the compressed parts are those of all conversations", http.StatusBadRequest)
		return
	}
	if v.Gzip && s.packed == nil {
		var err error
		if s.packed, err = s.pack(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	s.view.Store(s.viewOf(v))
}

// list answers a request for a page.
func (s *source) list(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	v := s.view.Load()
	i := slices.IndexFunc(v.projects, func(p projectMeta) bool { return p.ID == r.PathValue("project") })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	p := v.projects[i]
	from, to, err := v.page(&p, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	last, end := min(from+max(1, v.rows(r)), to), `],"cursor":null}`
	if last < to {
		end = fmt.Sprintf(`],"cursor":"at-%d"}`, last)
	}
	w.Header().Set("Content-Type", "application/json")
	if v.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		s.writePacked(w, &p, v, from, last, end)
		return
	}
	io.WriteString(w, `{"conversations":[`)
	s.write(w, &p, v, from, last)
	io.WriteString(w, end)
}

// rows is the number of rows of a page.
func (v *variant) rows(r *http.Request) int {
	if v.PageRows > 0 {
		return v.PageRows
	}
	n, _ := strconv.Atoi(r.FormValue("limit"))
	return n
}

// page returns the lines of a request: those of its time range, from its cursor on.
func (v *view) page(p *projectMeta, r *http.Request) (from, to int, err error) {
	start, err1 := time.Parse(time.RFC3339Nano, r.FormValue("start_time"))
	end, err2 := time.Parse(time.RFC3339Nano, r.FormValue("end_time"))
	if err := errors.Join(err1, err2); err != nil || r.FormValue("client_env") != "live" {
		return 0, 0, fmt.Errorf("the request has no time range, or is not for the environment live: %w", err)
	}
	older := func(t time.Time) int { // the first line that starts before t
		return p.First + sort.Search(p.Count, func(i int) bool { return v.index[p.First+i].start < t.UnixMicro() })
	}
	from, to = older(end), older(start)
	if cursor, yes := strings.CutPrefix(r.FormValue("cursor"), "at-"); yes {
		if from, err = strconv.Atoi(cursor); err != nil {
			return 0, 0, err
		}
	}
	return from, to, nil
}

// buffers are those of responses.
var buffers = sync.Pool{New: func() any { return new([512 << 10]byte) }}

// write writes the lines [first, last) with commas instead of line feeds between
// them.
func (s *source) write(w io.Writer, p *projectMeta, v *view, first, last int) error {
	buffer := buffers.Get().(*[512 << 10]byte)
	defer buffers.Put(buffer)
	for first < last {
		offset := v.index[first].offset
		end, next := offset, first
		for next < last && v.index[next].offset == end && v.index[next].end-offset <= int64(len(buffer)) {
			end = v.index[next].end
			next++
		}
		if next == first {
			return fmt.Errorf("conversation %d is larger than %d bytes", first, len(buffer))
		}
		b := buffer[:end-offset]
		if _, err := s.data.ReadAt(b, offset); err != nil {
			return err
		}
		if next == last {
			b = b[:len(b)-1]
		}
		if err := v.send(w, b, p, first, next); err != nil {
			return err
		}
		first = next
	}
	return nil
}

// send writes the lines [first, next), which are b.
func (v *view) send(w io.Writer, b []byte, p *projectMeta, first, next int) error {
	sent, offset := int64(0), v.index[first].offset
	for i := first; i < next; i++ {
		if end := v.index[i].end - offset; end <= int64(len(b)) {
			b[end-1] = ','
		}
		if !v.changed(i - p.First) {
			continue
		}
		at := v.index[i].offset - offset
		note := at + int64(bytes.Index(b[at:], []byte(`"note":"`))) + int64(len(`"note":"`))
		_, err1 := w.Write(b[sent:note])
		_, err2 := io.WriteString(w, "Made-up later note. ")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		sent = note
	}
	_, err := w.Write(b[sent:])
	return err
}

// packedLines is the number of lines of a compressed part.
const packedLines = 25

// packed has each packedLines lines compressed, each with a comma after it.
type packed struct {
	data []byte
	ends []int // of each part
}

func (s *source) pack() (*packed, error) {
	p := &packed{}
	var b bytes.Buffer
	for at := 0; at+packedLines <= len(s.index); at += packedLines {
		offset := s.index[at].offset
		lines := make([]byte, s.index[at+packedLines-1].end-offset)
		if _, err := s.data.ReadAt(lines, offset); err != nil {
			return nil, err
		}
		for i := at; i < at+packedLines; i++ {
			lines[s.index[i].end-offset-1] = ','
		}
		compress(&b, gzip.DefaultCompression, lines)
		p.ends = append(p.ends, b.Len())
	}
	p.data = b.Bytes()
	return p, nil
}

// compress adds a member of a gzip file.
func compress(w io.Writer, level int, b []byte) {
	z, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		panic(err)
	}
	z.Write(b)
	z.Close()
}

// writePacked writes a compressed page of the lines [first, last): prepared parts
// where all lines are as prepared, and the last lines, which have no comma after
// them, as they are needed.
func (s *source) writePacked(w io.Writer, p *projectMeta, v *view, first, last int, end string) {
	var loose bytes.Buffer
	flush := func() {
		if loose.Len() > 0 {
			compress(w, gzip.BestSpeed, loose.Bytes())
		}
		loose.Reset()
	}
	loose.WriteString(`{"conversations":[`)
	for first < last {
		part := first / packedLines
		if first%packedLines == 0 && first+packedLines < last && v.asPrepared(p, first) {
			flush()
			start := 0
			if part > 0 {
				start = s.packed.ends[part-1]
			}
			w.Write(s.packed.data[start:s.packed.ends[part]])
			first += packedLines
			continue
		}
		next := min((part+1)*packedLines, last)
		s.write(&loose, p, v, first, next)
		if next < last {
			loose.WriteByte(',')
		}
		first = next
	}
	loose.WriteString(end)
	flush()
}

func (v *variant) asPrepared(p *projectMeta, first int) bool {
	for i := first; i < first+packedLines; i++ {
		if v.changed(i - p.First) {
			return false
		}
	}
	return true
}

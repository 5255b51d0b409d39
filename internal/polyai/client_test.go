package polyai

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const madeUpKey = "made-up-key-0001"

// serve starts a source and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o := Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return madeUpKey, nil }}
	for _, f := range change {
		f(&o)
	}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

var someQuery = ListQuery{
	AccountID:      "acme-uk",
	ProjectID:      "acme team/4",
	Environment:    "live",
	Limit:          500,
	IncludeLatency: true,
	Start:          time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
	End:            time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC),
}

// readAll reads a page to its end.
func readAll(t *testing.T, client *Client, q ListQuery) (values []string, page *Page, err error) {
	t.Helper()
	page, err = client.List(t.Context(), q)
	if err != nil {
		return nil, nil, err
	}
	defer page.Close()
	for {
		v, err := page.Next()
		if errors.Is(err, io.EOF) {
			return values, page, nil
		}
		if err != nil {
			return values, page, err
		}
		values = append(values, string(v))
	}
}

func TestList_Request(t *testing.T) {
	t.Parallel()
	var got *http.Request
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		io.WriteString(w, `{"conversations":[]}`)
	}, func(o *Options) { o.UserAgent = "convsync/test" })
	q := someQuery
	q.Cursor = "c+1"
	if _, _, err := readAll(t, client, q); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"start_time": {"2026-06-01T00:00:00Z"}, "end_time": {"2026-06-02T00:00:00Z"}, "limit": {"500"},
		"client_env": {"live"}, "include_latency": {"true"}, "cursor": {"c+1"},
	}
	if got.URL.EscapedPath() != "/v3/acme-uk/acme%20team%2F4/conversations" || got.URL.Query().Encode() != want.Encode() {
		t.Errorf("requested %s", got.URL)
	}
	if got.Header.Get("x-api-key") != madeUpKey || got.Header.Get("User-Agent") != "convsync/test" || got.Header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("headers %v", got.Header)
	}
}

// TestQueryTime checks that the source can read any time range, and that no cache
// responds.
func TestQueryTime(t *testing.T) {
	t.Parallel()
	at := func(year int) time.Time { return time.Date(year, 6, 1, 0, 0, 0, 5, time.UTC) }
	for name, c := range map[string]struct {
		start, end         time.Time
		wantStart, wantEnd string
	}{
		"Years":       {at(2026), at(2027), "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z"},
		"Year10000":   {time.Date(9999, 12, 31, 23, 59, 58, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "9999-12-31T23:59:58Z", "9999-12-31T23:59:59Z"},
		"Year0":       {at(0), at(1), "0001-01-01T00:00:00Z", "0001-06-01T00:00:00Z"},
		"BeforeYear0": {at(-300), at(300_000), "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("start_time") != c.wantStart || q.Get("end_time") != c.wantEnd || r.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("requested %s with %v", r.URL.RawQuery, r.Header)
				}
				io.WriteString(w, `{"conversations":[]}`)
			})
			query := someQuery
			query.Start, query.End = c.start, c.end
			if _, _, err := readAll(t, client, query); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPage_Order(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, cursor string
		n            int
	}{
		"as documented":      {`{"conversations":[{"id":"a"},{"id":"b"}],"cursor":"x","next_offset":2}`, "x", 2},
		"cursor first":       {`{"cursor":"x","new":{"a":[1]},"conversations":[1]}`, "x", 1},
		"the last":           {`{"conversations":[{"id":"a"}],"cursor":null}`, "", 1},
		"no cursor":          {" {\n\"conversations\" : [ ] } \n", "", 0},
		"conversations null": {`{"conversations":null,"cursor":"x"}`, "x", 0},
		"odd conversations":  {`{"conversations":[null,[],{"id":1,"id":2},"\ud800"],"cursor":""}`, "", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, page, err := readAll(t, serve(t, answer(c.text)), someQuery)
			if err != nil || len(values) != c.n || page.Cursor() != c.cursor || page.Bytes() != int64(len(c.text)) {
				t.Errorf("%d conversations, cursor %q, %d bytes, %v", len(values), page.Cursor(), page.Bytes(), err)
			}
			if page.ServerTime().IsZero() {
				t.Error("the page has no server time")
			}
		})
	}
}

func TestPage_Malformed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"cut in a conversation": `{"conversations":[{"id":"a"},{"id":`,
		"cut after one":         `{"conversations":[{"id":"a"}`,
		"cut before the cursor": `{"conversations":[{"id":"a"}]`,
		"a syntax error":        `{"conversations":[{"id":"a"},{"id":"no"pe"}],"cursor":null}`,
		"empty":                 ``,
		"no JSON":               `<html>`,
		"no list":               `{"success":false,"error_code":"X"}`,
		"not a list":            `{"conversations":{"id":"a"}}`,
		"data after the page":   `{"conversations":[]}{"conversations":[]}`,
		"an array":              `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, page, err := readAll(t, serve(t, answer(text)), someQuery)
			if err == nil || !IsTemporary(err) || page.Cursor() != "" {
				t.Errorf("error %v, cursor %q", err, page.Cursor())
			}
			if _, again := page.Next(); again == nil || errors.Is(again, io.EOF) {
				t.Errorf("after the error comes %v", again)
			}
			if strings.Contains(fmt.Sprint(err), "nope") {
				t.Errorf("the error quotes the response: %v", err)
			}
		})
	}
}

func TestPage_CutOrStalled(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	const ample = time.Hour // so that only the other limit can end the request
	limits := map[string]Timeouts{
		"stalled":       {FirstByte: ample, Idle: 50 * time.Millisecond},
		"no first byte": {FirstByte: 50 * time.Millisecond, Idle: ample},
	}
	for name, handler := range map[string]http.HandlerFunc{
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"conversations":[{"id":"a"},`)
		},
		"reset": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"conversations":[{"id":"a"},`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"stalled": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"conversations":[{"id":"a"},`)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-release:
			}
		},
		"cut in gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, `{"conversations":[{"id":"a"},`)
			z.Flush()
		},
		"no first byte": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, handler, func(o *Options) {
				o.Timeouts = Timeouts{FirstByte: ample, Idle: ample}
				if t, limited := limits[name]; limited {
					o.Timeouts = t
				}
			})
			_, _, err := readAll(t, client, someQuery)
			if !IsTemporary(err) {
				t.Fatalf("%v is not temporary", err)
			}
			if name == "stalled" && !errors.Is(err, errStalled) {
				t.Errorf("a stalled response is %v", err)
			}
		})
	}
}

func TestPage_Gzip(t *testing.T) {
	t.Parallel()
	text := `{"conversations":[` + strings.Repeat(`{"id":"a"},`, 999) + `{"id":"a"}]}`
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		io.WriteString(z, text)
	})
	values, page, err := readAll(t, client, someQuery)
	if err != nil || len(values) != 1000 || page.Bytes() != int64(len(text)) {
		t.Errorf("%d conversations, %d bytes, %v", len(values), page.Bytes(), err)
	}
}

func TestAPIError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status          int
		body            string
		want            []string
		temporary, auth bool
	}{
		"documented":    {401, `{"success":false,"error":"x","error_id":"1","error_code":"UNAUTHORIZED","error_message":"Invalid key","data":null}`, []string{"401", "UNAUTHORIZED", "Invalid key", "valid for one region"}, false, true},
		"no right":      {403, `{"error_message":"No access"}`, []string{"No access", "no permission"}, false, true},
		"not found":     {404, `{"message":"Not found","errors":["project"]}`, []string{"Not found", `["project"]`, "studio.REGION.poly.ai"}, false, false},
		"detail":        {400, `{"detail":[{"loc":["query","limit"],"msg":"too large"}]}`, []string{"too large"}, false, false},
		"a web page":    {502, `<html><head><title>502 Bad Gateway</title></head></html>`, []string{"a web page: 502 Bad Gateway"}, true, false},
		"nothing":       {503, ``, []string{"503"}, true, false},
		"rate limited":  {429, `{"error_message":"slow down"}`, []string{"slow down"}, true, false},
		"long message":  {500, `{"message":"` + strings.Repeat("é", 5000) + `"}`, []string{"…"}, true, false},
		"a key cut off": {400, `{"message":"` + strings.Repeat("x ", 145) + madeUpKey + `"}`, []string{"[key]"}, false, false},
		"a key echoed":  {400, `{"message":"bad header x-api-key: ` + madeUpKey + `"}`, []string{"[key]"}, false, false},
		"a redirect":    {302, ``, []string{"redirects are not followed"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-PolyAI-Correlation-Id", "corr-1")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := client.List(t.Context(), someQuery)
			if IsTemporary(err) != c.temporary || IsAuth(err) != c.auth || IsStaleCursor(err) || IsRateLimited(err) != (c.status == 429) {
				t.Errorf("%v: temporary %t, key refused %t", err, IsTemporary(err), IsAuth(err))
			}
			for _, want := range append(c.want, "/v3/acme-uk/acme%20team%2F4/conversations (live, 2026-06-01T00:00:00Z to 2026-06-02T00:00:00Z)", "corr-1") {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("%v\ndoes not contain %q", err, want)
				}
			}
			if strings.Contains(fmt.Sprint(err), madeUpKey) || len(fmt.Sprint(err)) > 1000 {
				t.Errorf("the error has the key or is too long: %v", err)
			}
		})
	}
}

func TestIsStaleCursor(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	q := someQuery
	q.Cursor = "old"
	if _, err := client.List(t.Context(), q); !IsStaleCursor(err) {
		t.Errorf("%v is not a stale cursor", err)
	}
}

// TestList_Canceled: a request that is canceled because another one failed must not be
// treated as the one that failed.
func TestList_Canceled(t *testing.T) {
	t.Parallel()
	client := serve(t, answer("{}"))
	why := &APIError{Status: http.StatusUnauthorized, Message: "a made-up reason", withCursor: true}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	q := someQuery
	q.Cursor = "a cursor"
	_, err := client.List(ctx, q)
	if IsAuth(err) || IsStaleCursor(err) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), why.Message) {
		t.Errorf("%v, refused: %t, a stale cursor: %t", err, IsAuth(err), IsStaleCursor(err))
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 3, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0.5": 500 * time.Millisecond, "Wed, 03 Jun 2026 00:00:30 GMT": 30 * time.Second, "Tue, 02 Jun 2026 00:00:30 GMT": 0,
		"": -1, "soon": -1, "-3": -1,
	} {
		got, ok := parseRetryAfter(http.Header{"Retry-After": {text}}, now)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %v (%t), want %v", text, got, ok, want)
		}
	}
	skewed := http.Header{"Retry-After": {"Wed, 03 Jun 2026 10:00:30 GMT"}, "Date": {"Wed, 03 Jun 2026 10:00:00 GMT"}}
	if got, _ := parseRetryAfter(skewed, now); got != 30*time.Second {
		t.Errorf("by the server's clock it is 30 s, not %v", got)
	}
}

func TestIsTemporary_Refused(t *testing.T) {
	t.Parallel()
	const port1 = "http://127.0.0.1:1" // never assigned to a program that asks for any port
	client, err := New(Options{BaseURL: port1, Key: func(context.Context, bool) (string, error) { return madeUpKey, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.List(t.Context(), someQuery); !IsTemporary(err) {
		t.Errorf("%v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.List(canceled, someQuery); IsTemporary(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}

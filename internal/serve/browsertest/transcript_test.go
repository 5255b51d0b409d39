package browsertest

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	pages "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"convsync/internal/transcript"
)

// transcriptFile is the page of a conversation with every part.
var transcriptFile = flag.String("transcript", "../../transcript/testdata/call.html", "transcript to look at")

// TestTranscript looks at a transcript in three widths, light and dark, and in print. The
// policy is that of `convsync serve`.
func TestTranscript(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src "+transcript.StyleSource())
		http.ServeFile(w, r, *transcriptFile)
	}))
	t.Cleanup(server.Close)
	tab := newTab(t)
	for _, look := range []struct {
		wide   int64
		scheme string
	}{{390, "light"}, {390, "dark"}, {820, "light"}, {1440, "dark"}} {
		which := fmt.Sprintf("transcript-%s-%d", look.scheme, look.wide)
		size(t, tab, look.wide, look.scheme)
		do(t, tab, chromedp.Navigate(server.URL))
		picture(t, tab, which)
		background := see(t, tab, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		if light := background == "rgb(251, 251, 250)"; light != (look.scheme == "light") {
			t.Errorf("%s: the background is %s", which, background)
		}
		if across := see(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); across > look.wide {
			t.Errorf("%s: the page is %d wide", which, across)
		}
		if look.wide != 390 {
			continue // the colors are the same
		}
		for _, violation := range judge(t, tab) {
			t.Errorf("%s: %s", which, violation)
		}
	}
	if *screenshots == "" {
		return
	}
	tell(t, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	out, err := chromedp.Call(tab, pages.PrintToPDF, pages.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, "transcript.pdf"), out.Data, 0o600); err != nil {
		t.Fatal(err)
	}
}

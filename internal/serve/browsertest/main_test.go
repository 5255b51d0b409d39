package browsertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// help tells how to install what is missing.
const help = "run scripts/need-browser, which installs it or says how"

// browser is the one that all tests share: each has a tab of its own.
var browser = sync.OnceValues(func() (context.Context, error) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		return nil, errors.New("there is no Chromium: " + help)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(testTimeout)) // a loaded machine takes its time
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which root cannot have
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeBrowser = func() error { defer cancel(); return chromedp.Cancel(ctx) }
	return ctx, chromedp.Do(ctx)
})

var closeBrowser = func() error { return nil }

func TestMain(m *testing.M) {
	code := m.Run()
	_ = closeBrowser()
	os.Exit(code)
}

// testTimeout is the timeout of a test on a busy machine.
const testTimeout = 30 * time.Minute

// newTab opens a tab for a test.
func newTab(t *testing.T) context.Context {
	t.Helper()
	shared, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	tab, closeTab := chromedp.NewContext(shared)
	t.Cleanup(closeTab)
	do(t, tab) // opens it: a time limit at its opening would end the browser with it
	patient, cancel := context.WithTimeout(tab, testTimeout)
	t.Cleanup(cancel)
	return patient
}

// axe is the text of axe-core.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", errors.New("there is no axe-core: " + help)
	}
	return string(text), nil
})

// do runs actions in a tab.
func do(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, actions...); err != nil {
		t.Fatal(err)
	}
}

// see returns the result of an action in a tab.
func see[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	seen, err := chromedp.Run(tab, action)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// tell sends a tab a command of the protocol.
func tell[P, R any](t *testing.T, tab context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(tab, command, params); err != nil {
		t.Fatal(err)
	}
}

// unfold opens all that is folded.
var unfold = chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`)

// show loads the page until it has what is wanted: the destination is read, and
// the charts are drawn, after the server began to serve.
func show(t *testing.T, tab context.Context, url, want string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		do(t, tab, chromedp.Navigate(url))
		text := see(t, tab, chromedp.Text("main"))
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-tick.C:
		case <-tab.Done():
			t.Fatalf("the page never says %q: %s", want, text)
		}
	}
}

// drawn describes a page with charts.
const drawn = "Conversations per day"

// size makes the tab as large as a screen, in a colour scheme.
func size(t *testing.T, tab context.Context, wide int64, scheme string) {
	t.Helper()
	tell(t, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: wide, Height: 900, DeviceScaleFactor: 1, Mobile: wide < 600})
	tell(t, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// Package browsertest tests the status page in a real browser, headless
// Chromium: it sends no requests to other hosts, works without JavaScript and
// by keyboard, fits a phone, shows the destination's numbers, and passes
// axe-core in light and dark mode, wide and narrow.
//
// It has tests alone, apart from those of package serve, so that all others run
// where there is no browser. It must not know how the page is made. The browser
// and axe-core are installed by scripts/need-browser.
package browsertest

// Package docs holds the guides, and embeds the runbooks, which the status page
// links to.
package docs

import "embed"

// Runbooks has the pages of runbooks, as Markdown.
//
//go:embed runbooks/*.md
var Runbooks embed.FS

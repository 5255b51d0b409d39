// Package recordings works through the recordings of stored conversations: it checks
// whether they exist, stores copies in a folder, and records the results in the
// destination. It runs next to the sync, with its own share of the rate, so that a
// backlog of any size does not delay the sync.
//
// A destination lists what is due, the newest first. Each result says when the
// recording is checked again, so a killed run loses nothing but the requests since
// the last batch of results. A copy that was stored and not recorded is adopted
// without a download. If the store fails, such as on a full disk, recordings are only
// checked until it works again.
//
// The package must not know commands or the configuration.
package recordings

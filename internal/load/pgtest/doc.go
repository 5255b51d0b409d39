// Package pgtest gives each test a PostgreSQL database of its own.
//
// The server is the one that CONVSYNC_TEST_POSTGRES_URL names (a role that may
// create databases and roles), or else a private one, made from the server
// binaries that are installed when the first test asks, and gone with the
// process, however that ends. Without either a test fails and says what to
// install; it is never skipped.
//
// A package that uses it has a TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// It imports nothing of ours and knows nothing of what is loaded.
package pgtest

// Package pgtest gives each test a PostgreSQL database of its own.
//
// The server is the one that CONVSYNC_TEST_POSTGRES_URL names (a role that may
// create databases and roles). Without it, the first test starts a private server
// from the installed server binaries, which ends with the process, even if that
// is killed. If there are none, a test fails and names what to install; it is
// never skipped.
//
// A package that uses it has a TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// It imports no other package of convsync.
package pgtest

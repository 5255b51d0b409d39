package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"convsync/internal/load"
	"convsync/internal/warehouse"
	"convsync/migrations"
)

// Options configure a database as a destination.
type Options struct {
	// URL yields the database's URL, anew for each connection: a password
	// that is renewed outside is picked up.
	URL func(ctx context.Context) (string, error)
	// Schema is where the tables are; polyai unless set.
	Schema string
	// LockWait is how long a writer waits for another to end; 10 s unless set.
	LockWait time.Duration
	// Step, when not nil, is called before each step that leaves something
	// behind, with the step's name: tests kill the process there.
	Step func(name string)
}

// maxConnections bounds the pool: two loaders (at most four, which the configuration
// ensures), a commit of coverage, and a query. The writer's lock has a connection of
// its own.
const maxConnections = 4

// sessionTimeout is how long a pooler may take to hand out a session, or all
// that are needed.
const sessionTimeout = time.Minute

// Database is a schema of a PostgreSQL database as a destination.
type Database struct {
	Options
	pool     *pgxpool.Pool
	where    string                 // for people; without the password
	layouts  fs.FS                  // the migrations; tests replace them
	declared []warehouse.Spec       // the views and comments; tests replace them
	writing  atomic.Pointer[server] // that the run began on; nil: there is none

	beatEvery, beatTimeout time.Duration // of the lock's session
	sessionTimeout         time.Duration // how long a pooler may take to hand out sessions

	checking sync.Mutex // that there are enough sessions
}

var _ load.Destination = (*Database)(nil)

// Open prepares the use of a database; it connects when it is first needed.
func Open(ctx context.Context, o Options) (*Database, error) {
	o.Schema = cmp.Or(o.Schema, "polyai")
	o.LockWait = cmp.Or(o.LockWait, 10*time.Second)
	if o.Step == nil {
		o.Step = func(string) {}
	}
	d := &Database{Options: o, layouts: migrations.Files, declared: declaredSpecs(), beatEvery: beatEvery, beatTimeout: beatTimeout, sessionTimeout: sessionTimeout}
	first, err := d.config(ctx)
	if err != nil {
		return nil, err
	}
	d.where = fmt.Sprintf("schema %s of database %s on %s", o.Schema, first.Database, first.Host)
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, &load.StateError{What: "the PG… variables of the environment are not right", Err: err}
	}
	cfg.ConnConfig = first
	cfg.MaxConns = maxConnections
	cfg.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		fresh, err := d.config(ctx)
		if err == nil {
			c.Config = fresh.Config
		}
		return err
	}
	cfg.PrepareConn = d.prepareConn
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, d.describe(err)
	}
	return d, nil
}

// Close closes all connections.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}

// config asks for the URL and settles what every connection of ours has.
func (d *Database) config(ctx context.Context) (*pgx.ConnConfig, error) {
	text, err := d.URL(ctx)
	if err != nil {
		return nil, err
	}
	c, err := parseURL(text)
	if err != nil {
		// The reason may quote the URL, and with it the password.
		return nil, &load.StateError{
			What: "the URL of the Postgres destination cannot be read",
			Hint: "it looks like postgres://user:password@host:5432/database, with what is special in the password percent-encoded",
		}
	}
	c.AfterConnect = d.settle
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "convsync"
	}
	if m := c.DefaultQueryExecMode; m == pgx.QueryExecModeExec || m == pgx.QueryExecModeSimpleProtocol {
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // the others do not answer in binary
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 15*time.Second)
	return c, nil
}

// connect opens a connection outside of the pool.
func (d *Database) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := d.config(ctx)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

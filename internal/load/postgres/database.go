package postgres

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"convsync/internal/load"
	"convsync/internal/warehouse"
	"convsync/migrations"
)

// Options configure a database as a destination.
type Options struct {
	// URL returns the URL of the database. It is called for each connection, so
	// that a rotated password takes effect.
	URL func(ctx context.Context) (string, error)
	// Schema is the schema of the tables; default polyai.
	Schema string
	// LockWait is the time to wait for another writer; default 10 s.
	LockWait time.Duration
	// Step, if not nil, is called with a name before each step with a durable
	// effect: tests kill the process there.
	Step func(name string)
}

// maxConnections bounds the pool: two loaders (at most four, which the configuration
// ensures), a commit of coverage, and a query. The writer's lock has a connection of
// its own.
const maxConnections = 4

// sessionTimeout is the time in which a pooler must provide a session, or all
// that are needed.
const sessionTimeout = time.Minute

// Database is a schema of a PostgreSQL database as a destination.
type Database struct {
	Options
	pool     *pgxpool.Pool
	where    string           // for messages; without the password
	layouts  fs.FS            // the migrations; tests replace them
	declared []warehouse.Spec // the views and comments; tests replace them
	writing  runningOn

	beatEvery, beatTimeout time.Duration // of the lock's session
	sessionTimeout         time.Duration // timeout of a pooler that provides sessions

	checking sync.Mutex // serializes checks that there are enough sessions
}

var _ load.Destination = (*Database)(nil)

// Open prepares the use of a database. It connects on first use.
func Open(ctx context.Context, o Options) (*Database, error) {
	o.Schema = cmp.Or(o.Schema, "polyai")
	o.LockWait = cmp.Or(o.LockWait, 10*time.Second)
	if o.Step == nil {
		o.Step = func(string) {}
	}
	d := &Database{
		Options:        o,
		layouts:        migrations.Files,
		declared:       declaredSpecs(),
		beatEvery:      beatEvery,
		beatTimeout:    beatTimeout,
		sessionTimeout: sessionTimeout,
	}
	first, err := d.config(ctx)
	if err != nil {
		return nil, err
	}
	d.where = fmt.Sprintf("schema %s of database %s on %s", o.Schema, cmp.Or(first.Database, first.User), first.Host)
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, &load.StateError{What: "the PG… environment variables are not valid", Err: err, Misconfigured: true}
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

// config gets the URL and sets what all our connections have in common.
func (d *Database) config(ctx context.Context) (*pgx.ConnConfig, error) {
	text, err := d.URL(ctx)
	if err != nil {
		return nil, err
	}
	c, err := parseURL(text)
	if err != nil {
		return nil, urlError(err)
	}
	c.AfterConnect = d.settle
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "convsync"
	}
	if m := c.DefaultQueryExecMode; m == pgx.QueryExecModeExec || m == pgx.QueryExecModeSimpleProtocol {
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // the other modes do not return binary values
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 15*time.Second)
	return c, nil
}

// connect opens a connection outside the pool.
func (d *Database) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := d.config(ctx)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

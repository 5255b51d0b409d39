package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// Template is a database that is prepared once in a process, for tests that begin
// with the same content.
type Template struct {
	Prepare func(database string) error

	once sync.Once
	name string
	err  error
}

// URL is the function [URL], with a copy of the template.
func (p *Template) URL(tb testing.TB) string {
	tb.Helper()
	admin := serverURL(tb)
	p.once.Do(func() { p.err = p.create(tb, admin) })
	if p.err != nil {
		tb.Fatal(p.err)
	}
	return create(tb, admin, "TEMPLATE "+p.name)
}

func (p *Template) create(tb testing.TB, admin string) error {
	p.name = fmt.Sprintf("convsync_test_%d_template_%d", os.Getpid(), databases.Add(1))
	if err := run(admin, "CREATE DATABASE "+p.name+" "+empty); err != nil {
		return err
	}
	templates.Store(p.name, admin)
	return p.Prepare(at(tb, admin, p.name))
}

// templates maps the names of templates to the URLs of their servers.
var templates sync.Map

// dropTemplates drops all templates: a server that we did not start would keep them.
func dropTemplates() {
	templates.Range(func(name, admin any) bool {
		if err := run(admin.(string), "DROP DATABASE "+name.(string)+" WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return true
	})
}

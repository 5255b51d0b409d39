package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"convsync/internal/config"
	"convsync/internal/polyai"
)

// interview asks a person, in lines.
type interview struct {
	given func(flag string) bool
	lines *bufio.Scanner
	out   io.Writer
}

// ask asks for each value that no flag sets. Enter accepts the value in brackets.
func ask(o *initOptions, given func(flag string) bool, in io.Reader, out io.Writer) error {
	q := &interview{given, bufio.NewScanner(in), out}
	if err := q.project(o); err != nil {
		return err
	}
	if err := q.put("key-env", "Name of the variable that holds the API key (not the key itself)", &o.keyEnv, checkVariable); err != nil {
		return err
	}
	if err := q.put("destination", "Destination, parquet or postgres", &o.destination, checkKind); err != nil {
		return err
	}
	var err error
	if o.destination == "postgres" {
		err = q.put("postgres-url-env", "Name of the variable that holds the Postgres URL (not the URL itself)", &o.postgresURLEnv, checkVariable)
	} else {
		err = q.put("path", "Folder of the Parquet lake", &o.path, anything)
	}
	if err != nil {
		return err
	}
	return q.put("start", "Start of the history", &o.start, anything)
}

// project asks for the project: its Studio URL, or its parts one by one.
func (q *interview) project(o *initOptions) error {
	if o.region == "" && o.baseURL == "" && o.account == "" && len(o.projects) == 0 {
		if err := q.put("studio-url", "URL of the project in the Studio (Enter: give region, account and project one by one)", &o.studioURL, anything); err != nil {
			return err
		}
	}
	if studio, ok := polyai.ParseStudioURL(o.studioURL); ok && studio.ProjectID == "" {
		return q.projects(o)
	}
	if o.studioURL != "" {
		return nil
	}
	if o.baseURL == "" {
		if err := q.put("region", "Region (us, uk, eu, studio)", &o.region, anything); err != nil {
			return err
		}
	}
	if err := q.put("account", "Account id, such as acme-uk", &o.account, anything); err != nil {
		return err
	}
	return q.projects(o)
}

func (q *interview) projects(o *initOptions) error {
	ids := strings.Join(o.projects, ",")
	if err := q.put("project", "Project id, such as acme-team-4 (separate several with commas)", &ids, anything); err != nil {
		return err
	}
	o.projects = nil
	for id := range strings.SplitSeq(ids, ",") {
		if id = strings.TrimSpace(id); id != "" {
			o.projects = append(o.projects, id)
		}
	}
	return nil
}

// put asks for the value of a flag that was not given, until the answer is
// valid.
func (q *interview) put(flag, text string, answer *string, check func(string) error) error {
	if q.given(flag) {
		return nil
	}
	if *answer != "" {
		text += " [" + *answer + "]"
	}
	for {
		fmt.Fprint(q.out, text+": ")
		if !q.lines.Scan() {
			return usageError(errors.New("the input ended before the last question; nothing was written"))
		}
		said := strings.TrimSpace(q.lines.Text())
		if said == "" {
			return nil
		}
		err := check(said)
		if err == nil {
			*answer = said
			return nil
		}
		fmt.Fprintln(q.out, err)
	}
}

func anything(string) error { return nil }

func checkKind(destination string) error {
	return oneOf("destination", destination, "parquet", "postgres")
}

// checkVariable does not quote a rejected value: it may be the key itself.
func checkVariable(name string) error {
	if config.IsVariableName(name) {
		return nil
	}
	return usageError(errors.New("--key-env and --postgres-url-env take the name of a variable, such as POLYAI_API_KEY, not its value"))
}

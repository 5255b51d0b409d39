package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/polyai"
)

type initOptions struct {
	studioURL, region, baseURL string
	account                    string
	projects                   []string
	keyEnv                     string
	destination, path          string
	postgresURLEnv             string
	start                      string
	file                       string
	force                      bool
}

func newInitCommand(app *app) *cobra.Command {
	var opts initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented convsync.yaml",
		Long: "Init writes the configuration of one or more projects of an account. On a terminal it asks for each value that no flag\n" +
			"sets. The file contains the name of the variable that holds the API key, never the key itself.",
		Example: "  convsync init\n" +
			"  convsync init --studio-url https://studio.uk.poly.ai/acme-uk/acme-team-4\n" +
			"  convsync init --region uk --account acme-uk --project acme-team-4,acme-team-5 --destination postgres\n" +
			"  convsync init --base-url http://127.0.0.1:8088 --account acme-uk --project acme-team-4   # convsync simulate",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(app, opts, cmd.Flags().Changed) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.studioURL, "studio-url", "", "URL of the project in the Studio; sets region, account and project")
	flags.StringVar(&opts.region, "region", "", "region of the account: us, uk, eu or studio")
	flags.StringVar(&opts.baseURL, "base-url", "", "host to read instead of that of a region, such as the one of convsync simulate")
	flags.StringVar(&opts.account, "account", "", "account id, such as acme-uk")
	flags.StringSliceVar(&opts.projects, "project", nil, "project id, such as acme-team-4; may be repeated")
	flags.StringVar(&opts.keyEnv, "key-env", "POLYAI_API_KEY", "name of the variable that holds the API key")
	flags.StringVar(&opts.destination, "destination", "parquet", "destination: parquet or postgres")
	flags.StringVar(&opts.path, "path", "./convsync-data", "folder of the Parquet lake")
	flags.StringVar(&opts.postgresURLEnv, "postgres-url-env", "DATABASE_URL", "name of the variable that holds the Postgres URL")
	flags.StringVar(&opts.start, "start", time.Now().UTC().AddDate(0, 0, -90).Format(time.DateOnly), "start of the history, 90 days ago unless set")
	flags.StringVar(&opts.file, "file", config.DefaultFile, "file to write")
	flags.BoolVar(&opts.force, "force", false, "overwrite the file if it exists")
	return cmd
}

// runInit asks a person for what was not given by a flag.
func runInit(app *app, opts initOptions, given func(flag string) bool) error {
	if err := checkKind(opts.destination); err != nil {
		return err
	}
	switch {
	case given("file") && given("config") && opts.file != app.configFile:
		return usageError(errors.New("--file and --config name two files: give one of them"))
	case given("config"):
		opts.file = app.configFile
	}
	if _, err := os.Lstat(opts.file); err == nil && !opts.force {
		return usageError(fmt.Errorf("%s already exists: choose another file with --file, or overwrite it with --force", opts.file))
	}
	if err := cmp.Or(checkVariable(opts.keyEnv), checkVariable(opts.postgresURLEnv)); err != nil {
		return err
	}
	if isTerminal(app.stdin) {
		if err := ask(&opts, given, app.stdin, app.stdout); err != nil {
			return err
		}
	}
	if missing := opts.missing(); len(missing) > 0 {
		return usageError(fmt.Errorf("required values are missing: add %s%s", strings.Join(missing, ", "), opts.alternative()))
	}
	text := opts.render()
	// The variables need not be set yet: any value will do to judge the rest.
	anySecret := func(string) (string, bool) { return "postgres://host/database", true }
	if _, err := config.Parse(opts.file, []byte(text), config.Options{LookupEnv: anySecret}); err != nil {
		return usageError(fmt.Errorf("nothing was written, because the configuration would not be valid:\n%w", err))
	}
	if err := writeNew(opts.file, text, opts.force); err != nil {
		return err
	}
	opts.sayNext(app.stdout)
	return nil
}

// missing lists the flags without which there is no configuration.
func (o *initOptions) missing() []string {
	var flags []string
	if o.studioURL != "" {
		if studio, ok := polyai.ParseStudioURL(o.studioURL); ok && studio.ProjectID == "" && len(o.projects) == 0 {
			return []string{"--project (the Studio URL contains none)"}
		}
		return nil // what it does not say, the check of the file names
	}
	if o.region == "" && o.baseURL == "" {
		flags = append(flags, "--region")
	}
	if o.account == "" {
		flags = append(flags, "--account")
	}
	if len(o.projects) == 0 {
		flags = append(flags, "--project")
	}
	return flags
}

// alternative says which other flag sets the missing values.
func (o *initOptions) alternative() string {
	if o.studioURL != "" {
		return ", or use the Studio URL of a project"
	}
	return ", or --studio-url, which sets region, account and project"
}

// allProjects are those of the flags, after the one of the Studio URL.
func (o *initOptions) allProjects() []string {
	studio, _ := polyai.ParseStudioURL(o.studioURL)
	if studio.ProjectID == "" || len(o.projects) == 0 || slices.Contains(o.projects, studio.ProjectID) {
		return o.projects
	}
	return append([]string{studio.ProjectID}, o.projects...)
}

// writeNew writes the file whole or not at all.
func writeNew(name, text string, overwrite bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, mode, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		return fmt.Errorf("%s cannot be written: %w; choose another file with --file", name, cause.Err)
	}
	return err
}

func (o *initOptions) sayNext(w io.Writer) {
	suffix := ""
	if o.file != config.DefaultFile {
		suffix = " --config " + o.file
	}
	fmt.Fprintf(w, "wrote %s\n\nnext:\n  export %s=...   # the project's API key\n", o.file, o.keyEnv)
	if o.destination == "postgres" {
		fmt.Fprintf(w, "  export %s=postgres://user:password@host:5432/database\n", o.postgresURLEnv)
	}
	fmt.Fprintf(w, "  convsync check%s\n  convsync run%s   # loads the history since %s (sync.start)\n", suffix, suffix, o.start)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/export"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/recordings/store"
)

type exportOptions struct {
	from, to               string
	projects, environments []string
	redacted               string
	list, copy, download   string // folders
	format                 string
	showNumbers, bagIt     bool
	signKey, passwordFile  string
	after                  string
	output                 string
}

func newExportAudio(app *app) *cobra.Command {
	var opts exportOptions
	cmd := &cobra.Command{
		Use:   "audio",
		Short: "Export the list of recordings, with the recordings if --copy or --download is set",
		Long: "Export audio writes one row per recording of the voice conversations that started within [--from, --to), and one for\n" +
			"each of them that has none, with the reason. It reads only the destination and the stored recordings, so it needs an\n" +
			"API key only for --download. The folder must be empty. If the export was interrupted, the same command continues it.\n\n" +
			"It ends with exit code 3 if a part of the range was not read completely from the source, or if a stored recording is\n" +
			"missing or was changed. The list, coverage.json and the manifest name these. An export that is next to others names the\n" +
			"manifest of the last one, so that they form a chain.",
		Example: "  convsync export audio --from 2026-06-01 --to 2026-07-01 --list ./exports/june\n" +
			"  convsync export audio --from 2026-06-01 --to 2026-07-01 --copy ./exports/june --redacted true --sign-key convsync.key\n" +
			"  convsync export audio --from 2026-06-01 --to 2026-07-01 --copy ./exports/june --bagit",
		Args: noEndpoint,
		RunE: func(cmd *cobra.Command, _ []string) error { return runExportAudio(cmd.Context(), app, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "start of the time range: a date (midnight UTC) or an RFC 3339 time")
	flags.StringVar(&opts.to, "to", "", "end of the time range, exclusive")
	flags.StringSliceVar(&opts.projects, "project", nil, "export only this project, by its stored id; may be repeated")
	flags.StringSliceVar(&opts.environments, "environment", nil, "export only this environment; may be repeated")
	flags.StringVar(&opts.redacted, "redacted", "", "true: only recordings that were requested redacted; false: only raw ones (default: both)")
	flags.StringVar(&opts.list, "list", "", "folder for an export without recordings (default: ./convsync-export-FROM-TO)")
	flags.StringVar(&opts.copy, "copy", "", "folder for an export with copies of the recordings in audio.store")
	flags.StringVar(&opts.download, "download", "", "folder for an export with copies, and with recordings that are not stored and that PolyAI returns")
	flags.StringVar(&opts.format, "format", export.CSV, "format of the list: csv, jsonl or parquet")
	flags.BoolVar(&opts.showNumbers, "show-numbers", false, "write phone numbers in full; otherwise they are masked, as in +44*****123")
	flags.BoolVar(&opts.bagIt, "bagit", false, "lay the folder out as a bag (BagIt, RFC 8493), which archives accept")
	flags.StringVar(&opts.signKey, "sign-key", "", "sign the manifest with this private key, see convsync export keygen")
	flags.StringVar(&opts.passwordFile, "password-file", "", "file with the password of --sign-key (default: ask for it)")
	flags.StringVar(&opts.after, "after", "", "folder of the export that this one follows (default: the last one next to its folder)")
	flags.StringVar(&opts.output, "output", "text", "output format: text or json")
	return cmd
}

func runExportAudio(ctx context.Context, app *app, opts exportOptions) error {
	span, err := opts.check()
	if err != nil {
		return err
	}
	load := app.loadConfigWithoutKeys
	if opts.download != "" {
		load = app.loadConfig
	}
	cfg, err := load()
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	o, err := opts.resolve(ctx, app, cfg, span)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	defer destination.Close() //nolint:errcheck // nothing is written
	if d, ok := o.Downloader.(*exportDownloader); ok {
		defer d.close()
	}
	return exportAudio(ctx, app, destination, o, opts.output)
}

// exportAudio writes an export and prints its summary.
func exportAudio(ctx context.Context, app *app, src export.Source, o *export.Options, output string) error {
	o.Progress = new(export.Progress)
	stop := app.showExport(o.Progress)
	summary, err := export.Write(ctx, src, *o)
	stop()
	var refused *export.NotEmptyError
	if errors.As(err, &refused) {
		err = configError(err)
	}
	if err != nil && ctx.Err() != nil {
		err = codedError(exitInterrupted, fmt.Errorf("export to %s: interrupted; repeat the same command to continue it", o.Dir))
	}
	if err != nil {
		return printFailure(ctx, app.stdout, output, err)
	}
	if output == "json" {
		err = json.NewEncoder(app.stdout).Encode(newExported(summary))
	} else {
		printExported(app.hints(app.stdout), summary)
	}
	if err != nil || summary.Complete() {
		return err
	}
	return codedError(exitPartial, errors.New(whyIncomplete(summary.Manifest)))
}

// check checks the flags that need no configuration, and returns the time range.
func (o *exportOptions) check() (extract.Span, error) {
	for _, err := range []error{
		oneOf("output", o.output, "text", "json"),
		oneOf("format", o.format, export.CSV, export.JSONL, export.Parquet),
		oneOf("redacted", o.redacted, "", "true", "false"),
	} {
		if err != nil {
			return extract.Span{}, err
		}
	}
	switch {
	case o.from == "" || o.to == "":
		return extract.Span{}, usageError(errors.New("--from and --to are required: an export states the time range that it covers, such as --from 2026-06-01 --to 2026-07-01"))
	case len(o.dirs()) > 1:
		return extract.Span{}, usageError(errors.New("only one of --list, --copy and --download can be set: an export has one folder"))
	case o.passwordFile != "" && o.signKey == "":
		return extract.Span{}, usageError(errors.New("--password-file needs --sign-key"))
	}
	return parseTimeRange(o.from, o.to, time.Now())
}

// dirs returns the folders that are set.
func (o *exportOptions) dirs() []string {
	return slices.DeleteFunc([]string{o.list, o.copy, o.download}, func(dir string) bool { return dir == "" })
}

// resolve returns the options of the export.
func (o *exportOptions) resolve(ctx context.Context, app *app, cfg *config.Config, span extract.Span) (*export.Options, error) {
	feeds, err := o.feeds(cfg)
	if err != nil {
		return nil, err
	}
	resolved := &export.Options{
		Filter:      export.Filter{From: span.From.Time(), Until: span.Until.Time(), Feeds: feeds},
		Format:      o.format,
		Files:       export.List,
		Dir:         o.list,
		ShowNumbers: o.showNumbers,
		BagIt:       o.bagIt,
		After:       o.after,
		Tool:        "convsync " + version(),
	}
	if o.redacted != "" {
		redacted := o.redacted == "true"
		resolved.Filter.Redacted = &redacted
	}
	if err := o.resolveFiles(ctx, app, cfg, resolved); err != nil {
		return nil, err
	}
	if resolved.Dir == "" {
		resolved.Dir = fmt.Sprintf("convsync-export-%s-%s", folderTime(span.From.Time()), folderTime(span.Until.Time()))
	}
	if err := outsideOf(resolved.Dir, cfg); err != nil {
		return nil, err
	}
	if o.signKey != "" {
		resolved.Key, err = export.ReadKey(o.signKey, func() (string, error) { return app.password(o.passwordFile, "password of "+o.signKey, false) })
		if err != nil {
			return nil, configError(fmt.Errorf("--sign-key: %w", err))
		}
	}
	return resolved, nil
}

// outsideOf returns an error if a folder is inside the lake or the stored recordings,
// where it would count as damage.
func outsideOf(dir string, cfg *config.Config) error {
	others := map[string]string{"audio.store": cfg.Recordings.Store}
	if lake := cfg.Destination.Parquet; lake != nil {
		others["destination.parquet.path"] = lake.Path
	}
	for key, other := range others {
		from, err := filepath.Abs(other)
		if err != nil || other == "" {
			continue
		}
		to, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, to)
		if err == nil && filepath.IsLocal(inside) {
			return usageError(fmt.Errorf("the folder %s is inside %s (%s): choose another folder", dir, other, key))
		}
	}
	return nil
}

// resolveFiles sets where the recordings of the export come from.
func (o *exportOptions) resolveFiles(ctx context.Context, app *app, cfg *config.Config, resolved *export.Options) (err error) {
	switch {
	case o.copy != "":
		resolved.Files, resolved.Dir = export.Copy, o.copy
		resolved.Store, err = openRecordings(cfg)
	case o.download != "":
		resolved.Files, resolved.Dir = export.Download, o.download
		if cfg.Recordings.Store != "" {
			if resolved.Store, err = openRecordings(cfg); err != nil {
				return err
			}
		}
		resolved.Downloader, err = newExportDownloader(ctx, app, cfg, cfg.Projects, o.download)
	}
	return err
}

// folderTime returns a time as it is in the name of a folder: a day if it is one.
func folderTime(t time.Time) string {
	if t = t.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format("20060102")
	}
	return t.Format("20060102T150405Z")
}

// feeds returns the feeds of the chosen projects and environments.
func (o *exportOptions) feeds(cfg *config.Config) ([]load.Feed, error) {
	projects, err := chooseProjects(cfg, o.projects)
	if err != nil {
		return nil, err
	}
	var feeds []load.Feed
	var known []string
	for i := range projects {
		for _, environment := range projects[i].Environments {
			if !slices.Contains(known, environment) {
				known = append(known, environment)
			}
			if len(o.environments) == 0 || slices.Contains(o.environments, environment) {
				feeds = append(feeds, load.Feed{ProjectID: projects[i].StoredID, Environment: environment})
			}
		}
	}
	for _, wanted := range o.environments {
		if !slices.Contains(known, wanted) {
			return nil, usageError(fmt.Errorf("--environment %s is not configured; configured environments: %s", wanted, strings.Join(known, ", ")))
		}
	}
	return feeds, nil
}

// openRecordings opens the folder of the stored recordings, which must exist.
func openRecordings(cfg *config.Config) (*store.Store, error) {
	if cfg.Recordings.Store == "" {
		return nil, configError(errors.New("--copy needs audio.store, the folder with the stored recordings: set it in the configuration, or use --list or --download"))
	}
	opened, err := existingStore(cfg)()
	if err != nil {
		return nil, configError(fmt.Errorf("audio.store: %w", err))
	}
	return opened, nil
}

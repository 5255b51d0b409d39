package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/export"
	"convsync/internal/plural"
)

func newExportVerify(app *app) *cobra.Command {
	var publicKey, output string
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check an export offline, byte by byte",
		Long: "Export verify reads every file of an export and compares it with the manifest. It names each file that is missing, was\n" +
			"added or was changed, and then ends with exit code 3. If DIR is a folder of exports, it verifies each of them and the\n" +
			"chain that they form. It needs no configuration and no network.\n\n" +
			"Only a signature shows that an export was not replaced as a whole: use --public-key if the export is signed.",
		Example: "  convsync export verify ./exports/june --public-key convsync.pub\n  convsync export verify ./exports",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("verify takes one argument: the folder of an export, or a folder of exports"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExportVerify(cmd.Context(), app, args[0], publicKey, output)
		},
	}
	cmd.Flags().StringVar(&publicKey, "public-key", "", "check signatures with this public key, such as convsync.pub")
	cmd.Flags().StringVar(&output, "output", "text", "output format: text or json")
	return cmd
}

func runExportVerify(ctx context.Context, app *app, dir, publicKey, output string) error {
	if err := oneOf("output", output, "text", "json"); err != nil {
		return err
	}
	o := export.VerifyOptions{Progress: new(export.Progress)}
	if publicKey != "" {
		var err error
		if o.Key, err = export.ReadPublicKey(publicKey); err != nil {
			return printFailure(ctx, app.stdout, output, configError(fmt.Errorf("--public-key: %w", err)))
		}
	}
	stop := app.showExport(o.Progress)
	verified, err := export.Verify(ctx, dir, o)
	stop()
	if errors.Is(err, export.ErrNoExport) || errors.Is(err, fs.ErrNotExist) {
		err = configError(err)
	}
	if err != nil {
		return printFailure(ctx, app.stdout, output, err)
	}
	if output == "json" {
		err = json.NewEncoder(app.stdout).Encode(verified)
	} else {
		printVerifiedExports(app.stdout, dir, verified)
	}
	if err != nil || len(verified.Findings) == 0 {
		return err
	}
	return codedError(exitPartial, fmt.Errorf("%s: the export is not as it was written", plural.Count(int64(len(verified.Findings)), "finding")))
}

func printVerifiedExports(w io.Writer, dir string, v *export.Verified) {
	for i := range v.Exports {
		e := &v.Exports[i]
		name := dir
		if e.Folder != "" {
			name = oneLine(e.Folder)
		}
		fmt.Fprintf(w, "%s: %s, %s", name, plural.Count(e.Files, "file"), plural.Size(e.Bytes))
		if e.ExportID != "" {
			fmt.Fprintf(w, ", export %s of %s", oneLine(e.ExportID), e.CreatedAt.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(w, "\n  signature: %s\n", signatureText[e.Signature])
	}
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s: %s", f.Kind, oneLine(f.Path))
		if f.Detail != "" {
			fmt.Fprintf(w, " (%s)", oneLine(f.Detail))
		}
		fmt.Fprintln(w)
	}
	if len(v.Findings) == 0 {
		fmt.Fprintln(w, "ok: nothing is missing, added or changed")
	}
}

var signatureText = map[string]string{
	export.SignatureValid:      "valid",
	export.SignatureBad:        "bad",
	export.SignatureNone:       "none",
	export.SignatureNotChecked: "not checked; give the signer's public key with --public-key",
}

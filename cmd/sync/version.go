package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker in a release (see the Makefile).
var release string

// versionInfo is `convsync version --output json`.
type versionInfo struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"`
	GoVersion string `json:"go_version"`
	Platform  string `json:"platform"`
}

func newVersionCommand(app *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit, the Go version and the platform",
		Example: "  convsync version\n  convsync version --output json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runVersion(app.stdout, output) },
	}
	cmd.Flags().StringVar(&output, "output", "text", "output format: text or json")
	return cmd
}

func runVersion(w io.Writer, output string) error {
	info := readVersion()
	switch output {
	case "json":
		return json.NewEncoder(w).Encode(info)
	case "text":
		_, err := fmt.Fprintf(w, "convsync %s (commit %s, %s, %s)\n", info.Version, orUnknown(info.Commit), info.GoVersion, info.Platform)
		return err
	default:
		return usageError(errors.New("--output is not known: use text or json"))
	}
}

// version of this program, for the source and for the log of runs.
func version() string { return readVersion().Version }

func readVersion() versionInfo {
	info := versionInfo{Version: release, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	if info.Version == "" {
		info.Version = build.Main.Version
	}
	if info.Version == "" || info.Version == "(devel)" {
		info.Version = "dev"
	}
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			info.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			info.Commit += "+changes"
		}
	}
	return info
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

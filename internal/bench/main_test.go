package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"convsync/internal/load/pgtest"
)

// Flags of `make bench`.
var (
	scale    = flag.Float64("scale", 1, "share of the full number of conversations")
	repeat   = flag.Int("repeat", 3, "repetitions")
	only     = flag.String("rows", "", "rows to measure, such as parquet,postgres; all by default")
	steps    = flag.Int("steps", 4, "how many of first load, unchanged, newest and spread changes")
	binary   = flag.String("convsync", "../../bin/convsync", "program to measure")
	also     = flag.String("also", "", "more programs to measure: name=path or name=path,GOGC=200,…, separated by semicolons")
	folder   = flag.String("data", "", "folder of the prepared data; temporary by default")
	keep     = flag.Bool("keep", false, "keep the prepared data in the folder for further runs of this day")
	textFile = flag.String("text", "", "file for the figures in the format of benchstat")
	jsonFile = flag.String("json", "", "file for all figures")
)

// helper names what the test binary does instead of tests.
const helper = "CONVSYNC_BENCH_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func(args []string) error{
		"prepare": prepareHelper,
		"source":  sourceHelper,
		"duckdb":  duckdbHelper,
	}
	if run, yes := helpers[os.Getenv(helper)]; yes {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Main(m))
}

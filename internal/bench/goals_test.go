package bench

// goal is a limit for a figure of some work.
type goal struct {
	work, text string
	limit      float64
	figure     func(r results) []float64 // one per repetition; none: it was not measured
}

// results are all measurements of a run.
type results []*series

// of returns the samples of some work by a program.
func (r results) of(work, program string) []sample {
	for _, s := range r {
		if s.Work == work && s.Program == program {
			return s.Samples
		}
	}
	return nil
}

// own is one figure of our own samples.
func own(work string, figure func(*sample) float64) func(results) []float64 {
	return func(r results) []float64 { return figures(r.of(work, ours), figure) }
}

// ours is the program that the goals are for.
const ours = "convsync"

// against compares the time with that of another program, or of other work of ours.
func against(work, other, program string) func(results) []float64 {
	return func(r results) []float64 {
		return quotients(figures(r.of(work, ours), wall), figures(r.of(other, program), wall))
	}
}

// compared compares a figure of two works of ours.
func compared(work, other string, figure func(*sample) float64) func(results) []float64 {
	return func(r results) []float64 {
		return quotients(figures(r.of(work, ours), figure), figures(r.of(other, ours), figure))
	}
}

func milliseconds(work string) func(results) []float64 {
	return func(r results) []float64 { return each(figures(r.of(work, ours), wall), 1e-3) }
}

// per1000 is the CPU time per 1,000 conversations.
func per1000(work string) func(results) []float64 {
	return func(r results) []float64 {
		for _, s := range r {
			if s.Work == work && s.Program == ours {
				return each(figures(s.Samples, cpu), float64(s.Conversations)/1000)
			}
		}
		return nil
	}
}

// goals are those of a run at full scale.
var goals = []goal{
	{"parquet/first", "time compared with DuckDB", 1.4, against("parquet/first", "parquet/first", "duckdb")},
	{"parquet/first", "CPU s per 1,000", 0.09, per1000("parquet/first")},
	{"parquet/first", "peak MB", 256, own("parquet/first", peak)},
	{"postgres/first", "time compared with two \\copy", 1.35, against("postgres/first", "postgres/first", "copy")},
	{"postgres/first", "CPU s per 1,000", 0.065, per1000("postgres/first")},
	{"postgres/first", "peak MB", 130, own("postgres/first", peak)},
	{"parquet/unchanged", "CPU s per 1,000", 0.03, per1000("parquet/unchanged")},
	{"parquet/unchanged", "MB written", 1, own("parquet/unchanged", written)},
	{"postgres/unchanged", "CPU s per 1,000", 0.03, per1000("postgres/unchanged")},
	{"postgres/unchanged", "MB of WAL", 0.3, own("postgres/unchanged", wal)},
	{"parquet/newest", "time compared with the first load", 0.25, against("parquet/newest", "parquet/first", ours)},
	{"postgres/newest", "time compared with the first load", 0.25, against("postgres/newest", "postgres/first", ours)},
	{"parquet/spread", "time compared with the first load", 0.8, against("parquet/spread", "parquet/first", ours)},
	{"postgres/spread", "time compared with the first load", 0.35, against("postgres/spread", "postgres/first", ours)},
	{"year/100", "time compared with one project", 2, against("year/100", "year/1", ours)},
	{"year/100", "files", 6000, own("year/100", files)},
	{"year/100", "MB on disk", 150, own("year/100", disk)},
	{"year/100/next", "seconds", 0.5, own("year/100/next", wall)},
	{"growth/parquet/400k", "peak compared with 50k", 1.15, compared("growth/parquet/400k", "growth/parquet/50k", peak)},
	{"growth/postgres/200k", "peak compared with 25k", 1.15, compared("growth/postgres/200k", "growth/postgres/25k", peak)},
	{"growth/parquet/400k", "time compared with 200k", 2.05, compared("growth/parquet/400k", "growth/parquet/200k", wall)},
	{"growth/postgres/200k", "time compared with 100k", 2.05, compared("growth/postgres/200k", "growth/postgres/100k", wall)},
	{"page/parquet", "peak MB", 250, own("page/parquet", peak)},
	{"page/postgres", "peak MB", 250, own("page/postgres", peak)},
	{"day/first", "peak MB", 256, own("day/first", peak)},
	{"day/spread", "peak MB", 256, own("day/spread", peak)},
	{"start/version", "ms", 30, milliseconds("start/version")},
	{"start/nothing/parquet", "ms", 100, milliseconds("start/nothing/parquet")},
	{"start/nothing/postgres", "ms", 100, milliseconds("start/nothing/postgres")},
	{"start/years/parquet", "ms", 100, milliseconds("start/years/parquet")},
	{"start/years/postgres", "ms", 100, milliseconds("start/years/postgres")},
	{"analysts/parquet/month", "seconds", 1, own("analysts/parquet/month", wall)},
	{"analysts/parquet/year", "seconds", 3, own("analysts/parquet/year", wall)},
	{"analysts/parquet/week", "seconds", 1, own("analysts/parquet/week", wall)},
	{"analysts/parquet/report", "seconds", 5, own("analysts/parquet/report", wall)},
	{"analysts/parquet/transcript", "ms", 100, milliseconds("analysts/parquet/transcript")},
	{"analysts/postgres/month", "seconds", 1, own("analysts/postgres/month", wall)},
	{"analysts/postgres/year", "seconds", 3, own("analysts/postgres/year", wall)},
	{"analysts/postgres/week", "seconds", 1, own("analysts/postgres/week", wall)},
	{"analysts/postgres/report", "seconds", 5, own("analysts/postgres/report", wall)},
	{"analysts/postgres/transcript", "ms", 100, milliseconds("analysts/postgres/transcript")},
	{"analysts/postgres/search", "ms", 300, milliseconds("analysts/postgres/search")},
}

package parquet

import (
	"encoding/json"
	"io"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// readRunLog determines what expires at the end of a run, from the log of runs.
func (w *writer) readRunLog(run *warehouse.SyncRun) (*load.RunLog, error) {
	ages, ok := load.AgesAt(run)
	log := &load.RunLog{}
	err := eachText(w.lake.own(), runsFile, func(line []byte) error {
		var times struct {
			StartedAt  warehouse.Timestamp  `json:"started_at"`
			FinishedAt *warehouse.Timestamp `json:"finished_at"`
			SourceAt   *warehouse.Timestamp `json:"source_at"`
			LastChange *int64               `json:"last_change"`
		}
		if err := json.Unmarshal(line, &times); err != nil {
			return damaged(w.lake.path(runsFile), err)
		}
		log.Add(&warehouse.SyncRun{
			StartedAt: times.StartedAt, FinishedAt: orNull(times.FinishedAt), SourceAt: orNull(times.SourceAt), LastChange: orNull(times.LastChange),
		}, ages, ok)
		return nil
	})
	return log, err
}

func orNull[T any](v *T) warehouse.Null[T] {
	if v == nil {
		return warehouse.Null[T]{}
	}
	return warehouse.Some(*v)
}

// eachKeptRun calls do with the lines of the runs that are kept.
func (w *writer) eachKeptRun(log *load.RunLog, do func(line []byte) error) error {
	drop, position := log.Drop(), 0
	return eachText(w.lake.own(), runsFile, func(line []byte) error {
		position++
		if drop != nil && drop(position-1) {
			return nil
		}
		return do(line)
	})
}

// writeRuns adds a run to the log of runs, and drops the expired ones.
func (w *writer) writeRuns(c *commit, run *warehouse.SyncRun, log *load.RunLog) error {
	if log.Drop() == nil {
		return c.extendRuns(*run)
	}
	return c.put(runsFile, func(out io.Writer) error {
		err := w.eachKeptRun(log, func(line []byte) error {
			_, err := out.Write(line)
			return err
		})
		if err != nil {
			return err
		}
		return writeLines(out, &warehouse.SyncRuns, []warehouse.SyncRun{*run})
	})
}

// expire adds the tables without their expired rows to a commit, once a day:
// rejects may be large.
func (w *writer) expire(c *commit, next *state, run *warehouse.SyncRun) error {
	ages, ok := load.AgesAt(run)
	from, _ := ages.Day()
	today := dayOf(from).String()
	if !ok || next.position.PrunedDay == today {
		return nil
	}
	next.position.PrunedDay = today
	if err := w.expireDrift(c, next, ages); err != nil {
		return err
	}
	return w.expireRejects(c, next, ages)
}

func (w *writer) expireDrift(c *commit, next *state, ages load.Ages) error {
	drift := slices.DeleteFunc(slices.Clone(next.drift), func(d warehouse.Drift) bool { return d.LastSeenAt < ages.Cutoff(load.KeepDrift) })
	for i := range drift {
		drift[i].LastSeenAt, drift[i].FirstSeenAt = min(drift[i].LastSeenAt, ages.Latest()), min(drift[i].FirstSeenAt, ages.Latest())
	}
	if slices.Equal(drift, next.drift) {
		return nil
	}
	next.drift = drift
	return putTable(c, &warehouse.SchemaDrift, drift)
}

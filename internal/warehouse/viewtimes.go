package warehouse

// The local time of a conversation, as days and hours.

// Local is the start of a conversation in the time zone of its project.
func (f fragments) Local(c string) string {
	return "(" + c + ".started_at AT TIME ZONE " + f.Zone() + ")"
}

// Zone is the time zone of a project.
func (fragments) Zone() string { return "coalesce(nullif(p.time_zone, ''), 'UTC')" }

// Day is the local day of a conversation: in Postgres as days since 1970-01-01, which it
// groups faster; in DuckDB as the date, because it passes no condition for the result of
// a computation on to the turns.
func (f fragments) Day(c string) string {
	if f.Stored { // the same, and conditions apply to it before the conversations are looked up
		return "(s.day - DATE '1970-01-01')"
	}
	if f.dialect == DuckDB {
		return "q.day"
	}
	return "(CAST(" + f.Local(c) + " AS date) - DATE '1970-01-01')"
}

// Date is the date of a Day, or of one with days added.
func (f fragments) Date(day string) string {
	if f.dialect == DuckDB {
		return day
	}
	return "CAST(DATE '1970-01-01' + CAST(" + day + " AS integer) AS date)"
}

// Quarter is the quarter of an hour in which a conversation started. Offsets of time zones
// have changed at quarters since 2023 (Casey was the last exception); before, each start
// is one of its own, below zero.
func (fragments) Quarter(c string) string {
	return "CASE WHEN " + c + ".started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(" + c + ".started_at) // 900000000 ELSE epoch_us(" + c + ".started_at) - 1672531200000000 END"
}

// LocalTimes joins what Day, Hour and LocalHour need: the projects p, and in DuckDB the
// quarters of an hour q. To compute a local time takes DuckDB longer than all else, so it
// does so once for each quarter. The first and the last start in it let it skip what a
// filter by day or hour excludes.
func (f fragments) LocalTimes(c string) string {
	if f.dialect == DuckDB {
		return "LEFT " + f.Quarters(c)
	}
	return "LEFT JOIN projects AS p ON p.project_id = " + c + ".project_id"
}

// Quarters joins the quarter of an hour q of the conversation of a row.
func (f fragments) Quarters(c string) string {
	return "JOIN (" + f.render("quarters") + ") AS q ON q.project_id = " + c + ".project_id AND q.quarter = " + f.Quarter(c) + " AND " + c + ".started_at BETWEEN q.first_at AND q.last_at"
}

// LocalHour is the local hour in which a conversation started, as a timestamp.
func (f fragments) LocalHour(c string) string {
	if f.dialect == DuckDB {
		return "q.local_hour"
	}
	return "date_trunc('hour', " + f.Local(c) + ")"
}

// Hour is the local hour of the start of a conversation: 0 to 23.
func (f fragments) Hour(c string) string {
	return "CAST(extract(hour FROM " + f.LocalHour(c) + ") AS bigint)"
}

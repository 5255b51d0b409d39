"""Reads a Parquet lake with DuckDB, Polars, pyarrow or Spark, and prints what is not as docs/lake.md says.

    check.py READER LAKE [EXPECTED]

READER is duckdb, polars, pyarrow or spark. EXPECTED is a JSON file with what the lake must contain (see
cmd/sync/readers_test.go, which writes one); without it, the tables are compared with each other. The exit code is 1 if
something is wrong. `make readers` installs what this needs, and runs it on a lake with made-up conversations."""

import calendar
import collections
import datetime
import json
import os
import re
import sys

import pyarrow
import pyarrow.parquet

import lakes

# The tables of conversations and their parts, with the columns of their keys.
TABLES = {
    "conversations": [],
    "turns": ["turn_index"],
    "turn_entities": ["turn_index", "name", "ordinal"],
    "conversation_metrics": ["name", "ordinal"],
    "audio_references": ["direction", "redacted"],
}

# Types of columns in the data dictionary, and in the files.
TYPES = {
    "text": "string", "json": "string", "integer": "int64", "float": "double", "boolean": "bool",
    "timestamp": "timestamp[us, tz=UTC]", "list of text": "list<element: string>",
}

# Comparing all values of a larger table takes too much memory.
MOST_ROWS_COMPARED = 300_000


class Check:
    def __init__(self, name, lake, expected):
        self.lake, self.expected = lake, expected
        self.reader = lakes.READERS[name](lake)
        self.is_first = name == "pyarrow"  # what does not depend on the reader is checked once
        self.wrong = []

    def equal(self, what, got, want):
        if got != want:
            self.wrong.append(f"{what}: {got}, want {want}")

    def run(self):
        counts = {}
        for table in [t for t in TABLES if self.reader.files(t)]:
            if self.is_first:
                self.check_files(table)
                self.check_schemas(table)
            counts[table] = self.check_counts(table)
            self.check_types(table)
            self.check_pruning(table)
            self.check_values(table, sum(n for n, _ in counts[table].values()))
        self.check_parts(counts)
        return self.wrong

    def check_files(self, table):
        """Names say the days of a file, files do not share a day, and nothing else is in the folder."""
        days = collections.defaultdict(list)
        for folder, _, names in os.walk(f"{self.lake}/{table}"):
            for name in names:
                path = f"{folder}/{name}"
                named = re.fullmatch(r"project_id=[A-Za-z0-9._~%-]*/started_month=(\d{4}-\d\d)/d(\d\d)(?:-(\d\d))?\.parquet",
                                     os.path.relpath(path, f"{self.lake}/{table}"))
                if not named:
                    self.wrong.append(f"{path} is no name of a data file")
                    continue
                month, first, last = named[1], int(named[2]), int(named[3] or named[2])
                self.equal(f"{path}: days outside", self.days_outside(path, month, first, last), [])
                days[folder] += range(first, last + 1)
        for folder, found in days.items():
            self.equal(f"{folder}: days of two files", [d for d, n in collections.Counter(found).items() if n > 1], [])

    def days_outside(self, path, month, first, last):
        """Returns the first and last start by the statistics, if the name does not include their days."""
        year, number = map(int, month.split("-"))
        if not 1 <= first <= last <= calendar.monthrange(year, number)[1]:
            return [f"{first} to {last} are no days of {month}"]
        outside = []
        for statistics in started(path):
            for at in (statistics.min, statistics.max):
                if not (at.strftime("%Y-%m") == month and first <= at.day <= last):
                    outside.append(str(at))
        return outside

    def check_schemas(self, table):
        """All files of a table have the same columns and types."""
        schemas = {pyarrow.parquet.read_schema(f).remove_metadata() for f in self.reader.files(table)}
        self.equal(f"{table}: number of schemas", len(schemas), 1)
        if self.expected:
            got = {f.name: str(f.type) for f in schemas.pop()}
            want = {name: TYPES[t] for name, t in self.expected["columns"][table].items() if name not in lakes.FOLDERS}
            self.equal(f"{table}: columns", got, want)

    def check_counts(self, table):
        got = self.reader.per_project(table)
        if self.expected:
            rows = {project: n for project, (n, _) in got.items()}
            self.equal(f"{table}: rows", rows, {p: n for p, n in self.expected["rows"][table].items() if n})
            day = self.expected["day"]
            since, until = lakes.moment(day["since"]), lakes.moment(day["until"])
            rows = {project: n for project, (n, _) in self.reader.per_project(table, since, until).items()}
            self.equal(f"{table}: rows of a day", rows, {p: n for p, n in day["rows"][table].items() if n})
        return got

    def check_types(self, table):
        """The month is text without a hint; the project, if it is not a number; with a hint, both are."""
        self.equal(f"{table}: types without a hint", self.reader.untyped(table)["started_month"].lower() in ("varchar", "string"), True)

    def check_pruning(self, table):
        """A query for one day reads the row groups that can have its rows, by their statistics of started_at."""
        groups = [s for f in self.reader.files(table) for s in started(f)]
        middle = sorted(s.min for s in groups)[len(groups) // 2]
        since = datetime.datetime(middle.year, middle.month, middle.day, tzinfo=datetime.timezone.utc)
        until = since + datetime.timedelta(days=1)
        want = sum(s.min < until and s.max >= since for s in groups)
        read, total = self.reader.read_of(table, since, until)
        if isinstance(self.reader, lakes.Spark):  # it reports rows, not row groups
            if want < len(groups) and not 0 < read < total:
                self.wrong.append(f"{table}: a query for a day reads {read} of {total} rows")
            return
        self.equal(f"{table}: row groups read for a day, and all", (read, total), (want, len(groups)))

    def check_values(self, table, rows):
        """Each engine reads the same values as pyarrow."""
        if self.is_first or rows > MOST_ROWS_COMPARED:
            return
        got = comparable(self.reader.table(table), table, isinstance(self.reader, lakes.Spark))
        want = comparable(lakes.PyArrow(self.lake).table(table), table, False)
        self.equal(f"{table}: columns read", got.column_names, want.column_names)
        for name in set(want.column_names) & set(got.column_names):
            if not got[name].equals(want[name]):
                self.wrong.append(f"{table}: values of {name} differ from those that pyarrow reads")

    def check_parts(self, counts):
        """Each conversation is there once, and has its turns."""
        for project, (rows, distinct) in counts["conversations"].items():
            self.equal(f"{project}: conversations and different ones", rows, distinct)
        loaded = collections.Counter()
        for row in lakes.PyArrow(self.lake).dataset("conversations").to_table(["project_id", "turns_loaded"]).to_pylist():
            loaded[row["project_id"]] += row["turns_loaded"]
        turns = {project: n for project, (n, _) in counts.get("turns", {}).items()}
        self.equal("turns, and turns_loaded", turns, {p: n for p, n in loaded.items() if n})


def started(path):
    """Yields the statistics of started_at of each row group."""
    metadata = pyarrow.parquet.read_metadata(path)
    column = metadata.schema.names.index("started_at")
    for i in range(metadata.num_row_groups):
        yield metadata.row_group(i).column(column).statistics


def comparable(table, name, spark):
    """Returns the table with types that all engines have, columns by name, rows by key."""
    columns = {}
    for field in table.schema:
        column, t = table[field.name], field.type
        if pyarrow.types.is_dictionary(t) or pyarrow.types.is_string(t) or pyarrow.types.is_large_string(t) or pyarrow.types.is_string_view(t):
            column = column.cast(pyarrow.string())
        elif pyarrow.types.is_timestamp(t):
            column = column.cast(pyarrow.timestamp("us", tz="UTC"))
        elif pyarrow.types.is_list(t) or pyarrow.types.is_large_list(t):
            column = column.cast(pyarrow.list_(pyarrow.string()))
        columns[field.name] = column.combine_chunks()
    if spark:
        decoded = [lakes.right(p) for p in columns["project_id"].to_pylist()]
        columns["project_id"] = pyarrow.array(decoded, pyarrow.string())
    keys = ["project_id", "conversation_id"] + TABLES[name]
    sorted_by = [(key, "ascending") for key in keys]
    return pyarrow.table({c: columns[c] for c in sorted(columns)}).sort_by(sorted_by)


def main(name, lake, expected=None):
    if expected:
        with open(expected, encoding="utf-8") as f:
            expected = json.load(f)
    wrong = Check(name, lake, expected).run()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4 or sys.argv[1] not in lakes.READERS:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

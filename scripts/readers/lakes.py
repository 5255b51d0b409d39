"""How each engine reads the tables of a Parquet lake. Nothing here knows convsync: only names of folders and columns.

The functions are what docs/lake.md tells users to write."""

import datetime
import glob
import json
import os
import re
import subprocess
import sys

FOLDERS = ["project_id", "started_month"]  # the columns that only the names of folders have


class Reader:
    """Reads the tables in the folder of a lake."""

    def __init__(self, lake):
        self.lake = lake

    def files(self, table):
        return sorted(glob.glob(f"{glob.escape(self.lake)}/{table}/**/*.parquet", recursive=True))

    def untyped(self, table):
        """Returns the types of the folders' columns if the user names none."""
        raise NotImplementedError

    def table(self, table):
        """Returns all rows with all columns, as an Arrow table."""
        raise NotImplementedError

    def per_project(self, table, since=None, until=None):
        """Returns {project_id: (rows, conversations)}, of a time range."""
        raise NotImplementedError

    def read_of(self, table, since, until):
        """Returns how much a query for a time range reads, and how much there is: row groups, for Spark rows."""
        raise NotImplementedError


class DuckDB(Reader):
    def __init__(self, lake):
        import duckdb

        super().__init__(lake)
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")

    def source(self, table, hints=", hive_types = {project_id: VARCHAR, started_month: VARCHAR}"):
        path = re.sub(r"([*?\[])", r"[\1]", self.lake).replace("'", "''")
        return f"read_parquet('{path}/{table}/**/*.parquet', hive_partitioning = true{hints})"

    def untyped(self, table):
        found = self.connection.execute(f"DESCRIBE SELECT * FROM {self.source(table, '')}").fetchall()
        return {row[0]: row[1] for row in found if row[0] in FOLDERS}

    def table(self, table):
        return self.connection.sql(f"SELECT * FROM {self.source(table)}").to_arrow_table()

    def where(self, since, until):
        return f"WHERE started_at >= '{since.isoformat()}' AND started_at < '{until.isoformat()}'" if since else ""

    def per_project(self, table, since=None, until=None):
        rows = self.connection.execute(f"SELECT project_id, count(*), count(DISTINCT conversation_id) "
                                       f"FROM {self.source(table)} {self.where(since, until)} GROUP BY 1").fetchall()
        return {project: (n, distinct) for project, n, distinct in rows}

    def read_of(self, table, since, until):
        statement = f"SELECT count(conversation_id) FROM {self.source(table)} {self.where(since, until)}"
        plan = json.loads(self.connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {statement}").fetchone()[1])
        scans = list(self.scans(plan))
        return sum(s["row_groups_scanned"] for s in scans), sum(s["total_row_groups_to_scan"] for s in scans)

    def scans(self, node):
        if isinstance(node, dict):
            if "row_groups_scanned" in node:
                yield node
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from self.scans(child)


class Polars(Reader):
    def scan(self, table, **hints):
        import polars

        hints = hints or {"hive_schema": {name: polars.String for name in FOLDERS}}
        return polars.scan_parquet(f"{glob.escape(self.lake)}/{table}/**/*.parquet", **hints)

    def untyped(self, table):
        return {name: str(t) for name, t in self.scan(table, hive_partitioning=True).collect_schema().items() if name in FOLDERS}

    def table(self, table):
        return self.scan(table).collect().to_arrow()

    def between(self, frame, since, until):
        import polars

        return frame.filter((polars.col("started_at") >= since) & (polars.col("started_at") < until)) if since else frame

    def per_project(self, table, since=None, until=None):
        import polars

        frame = self.between(self.scan(table), since, until)
        found = frame.group_by("project_id").agg(polars.len(), polars.col("conversation_id").n_unique()).collect()
        return {project: (n, distinct) for project, n, distinct in found.rows()}

    def read_of(self, table, since, until):
        """Polars reports row groups only in the log of a process that was started with POLARS_VERBOSE."""
        args = [sys.executable, os.path.abspath(__file__), self.lake, table, since.isoformat(), until.isoformat()]
        done = subprocess.run(args, env={**os.environ, "POLARS_VERBOSE": "1"}, capture_output=True, text=True, check=True)
        found = re.findall(r"reading (\d+) / (\d+) row groups", done.stderr)
        return sum(int(read) for read, _ in found), sum(int(of) for _, of in found)


class PyArrow(Reader):
    def dataset(self, table, typed=True):
        import pyarrow
        import pyarrow.dataset

        folders = "hive"
        if typed:
            schema = pyarrow.schema([(name, pyarrow.string()) for name in FOLDERS])
            folders = pyarrow.dataset.partitioning(schema, flavor="hive")
        return pyarrow.dataset.dataset(f"{self.lake}/{table}", format="parquet", partitioning=folders)

    def untyped(self, table):
        schema = self.dataset(table, typed=False).schema
        return {name: str(schema.field(name).type) for name in FOLDERS}

    def table(self, table):
        return self.dataset(table).to_table()

    def between(self, since, until):
        import pyarrow
        import pyarrow.compute

        at = pyarrow.compute.field("started_at")
        return (at >= pyarrow.scalar(since)) & (at < pyarrow.scalar(until)) if since else None

    def per_project(self, table, since=None, until=None):
        found = self.dataset(table).to_table(["project_id", "conversation_id"], filter=self.between(since, until))
        found = found.group_by("project_id").aggregate([("conversation_id", "count"), ("conversation_id", "count_distinct")])
        return {row["project_id"]: (row["conversation_id_count"], row["conversation_id_count_distinct"]) for row in found.to_pylist()}

    def read_of(self, table, since, until):
        wanted = self.between(since, until)
        fragments = list(self.dataset(table).get_fragments())
        return sum(len(f.split_by_row_group(wanted)) for f in fragments), sum(f.num_row_groups for f in fragments)


class Spark(Reader):
    def __init__(self, lake):
        from pyspark.sql import SparkSession

        super().__init__(lake)
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.log.level", "OFF")
        builder = builder.config("spark.sql.shuffle.partitions", "2")  # instead of 200, for a small lake
        self.session = builder.getOrCreate()

    def frame(self, table, typed=True):
        # Otherwise project 007 is the number 7, if all ids consist of digits.
        self.session.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", str(not typed).lower())
        # A frame knows the names and sizes of the files as of its creation: each query needs a new one.
        return self.session.read.parquet(f"{self.lake}/{table}")

    def untyped(self, table):
        return {name: t for name, t in self.frame(table, typed=False).dtypes if name in FOLDERS}

    def table(self, table):
        return self.frame(table).toArrow()

    def between(self, frame, since, until):
        text = "started_at >= timestamp'{}' AND started_at < timestamp'{}'"
        return frame.where(text.format(since.isoformat(), until.isoformat())) if since else frame

    def per_project(self, table, since=None, until=None):
        from pyspark.sql import functions

        frame = self.between(self.frame(table), since, until).groupBy("project_id")
        found = frame.agg(functions.count("*"), functions.count_distinct("conversation_id")).collect()
        return {right(project): (n, distinct) for project, n, distinct in found}

    def read_of(self, table, since, until):
        frame = self.between(self.frame(table), since, until).select("conversation_id")
        frame.write.format("noop").mode("overwrite").save()
        frame.collect()
        return self.scanned(frame), self.frame(table).count()

    def scanned(self, frame):
        plan = frame._jdf.queryExecution().executedPlan()
        while "FileSourceScanExec" not in plan.getClass().getName():
            plan = plan.children().head()
        return plan.metrics().apply("numOutputRows").value()


def right(text):
    """Returns the project id that Spark means: like Hive and Trino it decodes each %XX to one character, which
    is wrong for ids that are not ASCII."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


READERS = {"duckdb": DuckDB, "polars": Polars, "pyarrow": PyArrow, "spark": Spark}


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


if __name__ == "__main__":  # for Polars.read_of
    lake, table, since, until = sys.argv[1:]
    reader = Polars(lake)
    reader.between(reader.scan(table), moment(since), moment(until)).select("conversation_id").collect()

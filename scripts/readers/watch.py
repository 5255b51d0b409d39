"""Counts the rows of a lake again and again while convsync adds conversations to it, until its standard input ends.

    watch.py READER LAKE EXPECTED

Prints a line for each query: "right"; "failed" and the exception, which a reader gets when a file that it has listed is
replaced or moved before it is opened; or "wrong" and the counts, which must never happen: fewer rows than before, more
than the lake will have in the end, or a conversation twice."""

import json
import sys
import threading

import lakes


def watch(name, lake, expected, stopped):
    reader = lakes.READERS[name](lake)
    seen = {}
    while not stopped.is_set():
        for table, most in expected["rows"].items():
            if stopped.is_set():
                return
            try:
                got = reader.per_project(table)
            except BaseException as e:  # a panic of Polars is no Exception
                yield "failed " + " ".join(str(e).split())[:300]
                continue
            yield judge(table, got, seen, most)


def judge(table, got, seen, most):
    for project in set(got) | {p for t, p in seen if t == table}:
        rows, distinct = got.get(project, (0, 0))
        before = seen.get((table, project), 0)
        if not before <= rows <= most.get(project, 0):
            return f"wrong {table} of {project}: {rows} rows, after {before}, of {most.get(project, 0)} in the end"
        if table == "conversations" and rows != distinct:
            return f"wrong {table} of {project}: {rows} rows of {distinct} conversations"
        seen[table, project] = rows
    return "right"


def main(name, lake, file):
    with open(file, encoding="utf-8") as f:
        expected = json.load(f)
    stopped = threading.Event()

    def wait():
        sys.stdin.read()
        stopped.set()

    threading.Thread(target=wait, daemon=True).start()
    for line in watch(name, lake, expected, stopped):
        print(line, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in lakes.READERS:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Reports of one advertiser by DuckDB, in this process, from the daily rows. Prints the median milliseconds as JSON.

    python duckdb_times.py FOLDER ADVERTISER FIRST_DAY,LAST_DAY …

FOLDER has by_day.csv, offer.csv and partner.csv with a header. Runs with packages of its own, see `bench.alternatives`.
"""

import json
import sys
import time
from statistics import median

import duckdb

EXECUTIONS = 50
REPORT = """
SELECT o.id, o.name, sum(d.conversions), sum(d.clicks), sum(d.views), sum(d.cost) * 0.000001, p.name
FROM by_day d JOIN offer o ON o.key = d.offer JOIN partner p ON p.key = d.partner
WHERE o.advertiser = ? AND d.bucket BETWEEN ? AND ?
GROUP BY o.id, o.name, p.id, p.name
ORDER BY o.name, p.name, o.id, p.id
"""


def main(folder: str, advertiser: str, *ranges: str) -> None:
    db = duckdb.connect()
    for table in ("by_day", "offer", "partner"):
        db.execute(f"CREATE TABLE {table} AS SELECT * FROM read_csv('{folder}/{table}.csv')")
    json.dump([milliseconds(db, [advertiser, *days.split(",")]) for days in ranges], sys.stdout)


def milliseconds(db: duckdb.DuckDBPyConnection, values: list[str]) -> float:
    times = []
    for _ in range(EXECUTIONS):
        began = time.perf_counter()
        rows = db.execute(REPORT, values).fetchall()
        times.append(time.perf_counter() - began)
        if len(rows) != 400:
            sys.exit(f"DuckDB's report has {len(rows)} rows")
    return median(times) * 1_000


if __name__ == "__main__":
    main(*sys.argv[1:])

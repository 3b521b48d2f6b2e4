"""Runs the dlt source with DuckDB: FOLDER HOST KEY. Prints the tables as JSON, with all values as text."""

import json
import sys
from pathlib import Path

import dlt
from gokart import gokart_source

folder, host, api_key = sys.argv[1:]
database = dlt.destinations.duckdb(str(Path(folder, "warehouse.duckdb")))
pipeline = dlt.pipeline("gokart", pipelines_dir=folder, destination=database, dataset_name="figures")
pipeline.run(gokart_source(api_key=api_key, host=host)).raise_on_failed_jobs()
tables = {}
for name in ("daily", "offers", "partners", "conversions"):
    with pipeline.sql_client() as client, client.execute_query(f"SELECT * FROM {name}") as cursor:
        columns = [column[0] for column in cursor.description]
        tables[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
sys.stdout.write(json.dumps(tables, default=str))

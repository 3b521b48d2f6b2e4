"""A dlt source for the GoKart API: daily figures, offers, partners and conversions, kept equal to the API.

pipeline = dlt.pipeline("gokart", destination="duckdb", dataset_name="gokart")
pipeline.run(gokart_source(api_key="gokart_…", host="api.TENANT.getgokart.ai"))
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import dlt
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.sources import DltResource
from dlt.sources.helpers import requests

AMOUNT: TTableSchemaColumns = {"cost": {"data_type": "decimal", "precision": 38, "scale": 6}}
DAILY: TTableSchemaColumns = AMOUNT | {
    "day": {"data_type": "date"},
    "deleted": {"data_type": "bool", "hard_delete": True},
    "position": {"data_type": "bigint", "dedup_sort": "desc"},  # of rows with one id in a load, the last one counts
}
CONVERSIONS: TTableSchemaColumns = AMOUNT | {
    "deleted": {"data_type": "bool", "hard_delete": True},
    "details": {"data_type": "json"},
    "history": {"data_type": "json"},
}


@dlt.source(name="gokart", max_table_nesting=0)
def gokart_source(api_key: str = dlt.secrets.value, host: str = dlt.config.value) -> tuple[DltResource, ...]:
    """`host` is the host of the API, such as api.TENANT.getgokart.ai, or a URL with another scheme or port.

    `conversions` needs an API key with the scope `conversions`, the others one with `cost-report`.
    """
    api = Api(host, api_key)
    return daily(api), offers(api), partners(api), conversions(api)


@dlt.resource(write_disposition="merge", primary_key="id", columns=DAILY)
def daily(api: "Api") -> Iterator[list[dict[str, Any]]]:
    """Figures by UTC day, offer and partner: at first all, then the rows that have changed."""
    state = dlt.current.resource_state()
    more, sent = True, 0
    while more:
        page = api.get("/api/v1/reports/changes", decimals="string", since=state.get("cursor"))
        if page["reset"]:
            delete_rows("daily")
        rows = page["data"]
        yield [row | {"position": sent + number} for number, row in enumerate(rows)]
        sent += len(rows)
        state["cursor"], more = page["cursor"], page["more"]


@dlt.resource(write_disposition="replace", primary_key="id")
def offers(api: "Api") -> Iterator[list[dict[str, Any]]]:
    """The advertiser's offers."""
    yield api.get("/api/v1/offers")["data"]


@dlt.resource(write_disposition="replace", primary_key="id")
def partners(api: "Api") -> Iterator[list[dict[str, Any]]]:
    """The partners that appear in the figures."""
    yield api.get("/api/v1/partners")["data"]


@dlt.resource(write_disposition="merge", primary_key="id", columns=CONVERSIONS)
def conversions(api: "Api") -> Iterator[dict[str, Any]]:
    """Conversions with their histories: at first all, then those that have changed or left the advertiser."""
    state = dlt.current.resource_state()
    if "cursor" in state and api.get("/api/v1/reports/changes", since=state["cursor"], limit="1")["reset"]:
        delete_rows("conversions")
        state.clear()
    state["cursor"] = api.get("/api/v1/reports/status")["changes"]["cursor"]
    meta: dict[str, Any] = {}
    for line in api.lines("/api/v1/conversions", decimals="string", changed_since=state.get("changed_since")):
        if "meta" in line:
            meta = line["meta"]
        else:
            yield line
    if not meta:
        raise ValueError("the response is incomplete")
    state["changed_since"] = meta["nextChangedSince"]


class Api:
    """Requests with an API key. Those that fail are repeated by dlt."""

    def __init__(self, host: str, api_key: str) -> None:
        self.url = (host if "://" in host else f"https://{host}").rstrip("/")
        self.headers = {"Authorization": f"ApiToken {api_key}"}

    def get(self, path: str, **parameters: str | None) -> dict[str, Any]:
        document: dict[str, Any] = requests.get(self.url + path, headers=self.headers, params=parameters).json()
        return document

    def lines(self, path: str, **parameters: str | None) -> Iterator[dict[str, Any]]:
        """The lines of NDJSON, as they arrive."""
        with requests.get(
            self.url + path, headers=self.headers, params=parameters | {"format": "ndjson"}, stream=True
        ) as response:
            yield from map(json.loads, response.iter_lines())


def delete_rows(table: str) -> None:
    """Deletes all rows of the destination, before others are loaded."""
    with dlt.current.pipeline().sql_client() as client, suppress(DatabaseUndefinedRelation):  # at the first load
        client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)}")

"""The query equals a naive model for random records and random queries, and its breakdowns equal the cost report."""

import csv
import io
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import EXAMPLES
from tests.support.histories import History, histories, send_history
from tests.support.oracle import Oracle, plain
from tests.support.query_model import METRICS, RATIOS, OfferFacts, Query, QueryModel, queries
from tests.support.sandbox import JSON, Sandbox, create_sandbox

QUERY = "/api/v1/reports/query"
QUERIES = 4  # of each history
exactly = msgspec.json.Decoder(float_hook=Decimal)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories(), data=st.data())
def test_every_query_agrees_with_the_model_and_with_the_cost_report(
    http: httpx.Client, history: History, data: st.DataObject
) -> None:
    sandbox = create_sandbox(http)
    oracle, _ = send_history(sandbox, history)
    facts = describe_offers(sandbox, oracle)
    model = QueryModel(oracle.contributions(), facts, oracle.partners)
    for _ in range(QUERIES):
        query = data.draw(queries(list(facts), list(oracle.partners), facts))
        check_query(sandbox, model, query)
        check_cost_report(sandbox, query)


def describe_offers(sandbox: Sandbox, oracle: Oracle) -> dict[str, OfferFacts]:
    """Two offers share an app, and one has none of these."""
    facts = [("App", "com.test", "ANDROID", "Spring"), ("App", "1234", "IOS", "Spring"), (None, None, None, None)]
    found = {
        id_: OfferFacts(name, app, store_id, os, campaign)
        for (id_, name), (app, store_id, os, campaign) in zip(oracle.offers.items(), facts, strict=True)
    }
    sandbox.send(
        "offers",
        [
            {
                "id": id_,
                "name": offer.name,
                "advertiserId": str(sandbox.owner),
                "appName": offer.app,
                "storeId": offer.store_id,
                "os": offer.os,
                "campaignName": offer.campaign,
            }
            for id_, offer in found.items()
        ],
    )
    return found


def check_query(sandbox: Sandbox, model: QueryModel, query: Query) -> None:
    response = sandbox.get(QUERY, **query.parameters)
    assert response.status_code == 200, response.text
    found = exactly.decode(response.content)
    rows = [{key: value for key, value in row.items() if key not in {"id", "state"}} for row in found["data"]]
    assert sorted(rows, key=repr) == sorted(model.rows(query), key=repr)
    assert found["totals"] == model.totals(query)
    assert found["meta"]["rows"] == len(rows)
    assert len({row["id"] for row in found["data"]}) == len(rows)
    for metric in set(METRICS) & set(query.metrics):
        assert sum((row[metric] for row in rows), Decimal(0)) == found["totals"][metric]
    lines = list(csv.DictReader(io.StringIO(sandbox.get(QUERY, **query.parameters, format="csv").text, newline="")))
    assert [comparable(line) for line in lines] == [
        {key: plain(value) for key, value in row.items()} for row in found["data"]
    ]


def comparable(line: dict[str, str]) -> dict[str, str]:
    """A line of the CSV with ratios without trailing zeros."""
    return {key: plain(Decimal(text)) if key in RATIOS and text else text for key, text in line.items()}


def check_cost_report(sandbox: Sandbox, query: Query) -> None:
    """The whole days of the query in UTC, by offer and partner."""
    days = {"date_from": str(query.first), "date_to": str(query.last)}
    by_pair = exactly.decode(sandbox.get(QUERY, **days, group_by="partner,offer", time_zone="UTC").content)
    report = exactly.decode(sandbox.get(JSON, **days).content)["data"]
    assert Counter(map(of_query, by_pair["data"])) == Counter(map(of_report, report))
    assert by_pair["totals"]["cost"] == sum((row["revenue"] for row in report), Decimal(0))


def of_query(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("offerId", "offerName", "partnerName", "cost", "conversions", "clicks", "views"))


def of_report(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row[key]
        for key in ("offerId", "offerName", "publisherName", "revenue", "totalConversions", "totalClicks", "totalViews")
    )

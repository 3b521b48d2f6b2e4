"""The query equals a naive model for random records and random queries, and its breakdowns equal the cost report."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.audit_context import Actor, acting_as
from ingest.corrections import apply_corrections, preview_corrections
from tests.support.app_calls import run_in_tenant
from tests.support.examples import EXAMPLES
from tests.support.histories import History, histories, real_callback, real_event, send_history, set_up
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


STEPS = 5


def correct(sandbox: Sandbox, conversion: str, status: str) -> None:
    """As staff do with a file. It has no effect on a conversion that is not known yet."""
    content = f"ConversionId,Status\n{conversion},{status}\n".encode()

    async def work() -> None:
        with acting_as(Actor("staff:nora@example.com", None)):
            preview = await preview_corrections(sandbox.tenant, content)
            await apply_corrections(sandbox.tenant, content, preview.digest, datetime.now(UTC))

    run_in_tenant(sandbox.tenant.slug, work)


def steps_of(sandbox: Sandbox, history: History) -> tuple[list[str], list[str], Callable[[int], None]]:
    """The ids of all offers and partners, and what sends a part of the history."""
    _, offers, partners = set_up(sandbox)
    callbacks = [real_callback(each, offers, partners) for each in history.callbacks]
    events = [real_event(each, offers, partners) for each in history.events]

    def send(step: int) -> None:
        sandbox.send("conversions", callbacks[step::STEPS])
        sandbox.send("events", events[step::STEPS])

    return offers, partners, send


@settings(
    max_examples=max(1, EXAMPLES // 2),
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories(), data=st.data())
def test_responses_saved_during_a_history_can_be_had_again_as_of_then(
    http: httpx.Client, history: History, data: st.DataObject
) -> None:
    """Batches, moves of offers and corrections, with a response after each; then all of them are requested again."""
    sandbox = create_sandbox(http)
    offers, partners, send = steps_of(sandbox, history)
    facts = {offer: OfferFacts("") for offer in offers}
    saved: list[tuple[dict[str, str], str, bytes, datetime]] = []
    for step in range(STEPS):
        send(step)
        if step in {2, 4}:
            sandbox.move_offer(
                data.draw(st.sampled_from(offers)), data.draw(st.sampled_from([sandbox.owner, sandbox.rival]))
            )
        if step in {1, 3} and history.callbacks:
            conversion = data.draw(st.sampled_from(history.callbacks))["conversionId"]
            correct(sandbox, conversion, data.draw(st.sampled_from(["Success", "Rejected"])))
        for key in (sandbox.owner_key, sandbox.rival_key):
            query = data.draw(queries(offers, partners, facts)).parameters
            response = sandbox.get(QUERY, token=key, **query)
            assert response.status_code == 200, response.text
            saved.append((query, key, response.content, datetime.now(UTC)))
    for query, key, content, at in saved:
        before = exactly.decode(content)
        for as_of in (before["meta"]["snapshot"], (at + timedelta(microseconds=1)).isoformat()):
            again = sandbox.get(QUERY, token=key, **query, as_of=as_of)
            assert again.status_code == 200, again.text
            after = exactly.decode(again.content)
            assert (after["data"], after["totals"]) == (before["data"], before["totals"])

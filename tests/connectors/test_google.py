"""The scripts for Looker Studio and Google Sheets, run with stand-ins for Google's objects against a live server."""

import subprocess
from typing import Any

import msgspec
import pytest

from settings import PROJECT
from tests.support.openapi_tools import HANG, node_and_path
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

LOOKER = PROJECT / "connectors/google/looker-studio/Code.gs"
SHEETS = PROJECT / "connectors/google/sheets/Code.gs"
RUNNER = PROJECT / "tests/support/apps_script.js"
MAY = {"startDate": "2025-05-01", "endDate": "2025-05-31"}
PERIOD = [["date_from", "2025-05-01"], ["date_to", "2025-05-31"]]


class Ran(msgspec.Struct):
    """What calls of a script returned, and what they left: stored properties, menu items, and the rows of sheets."""

    results: list[dict[str, Any]]
    properties: dict[str, str]
    menus: list[list[str]]
    sheets: dict[str, list[list[Any]]]


def run_script(sandbox: Sandbox, script: Any, *calls: tuple[str, Any], signed_in: bool = True, **more: Any) -> Ran:
    properties = {"gokart.host": sandbox.host, "gokart.key": sandbox.owner_key} if signed_in else {}
    sent = {
        "script": str(script),
        "origin": str(sandbox.http.base_url),
        "properties": properties,
        "calls": calls,
        **more,
    }
    done = subprocess.run(
        [node_and_path()[0], RUNNER], input=msgspec.json.encode(sent), capture_output=True, check=True, timeout=HANG
    )
    return msgspec.json.decode(done.stdout, type=Ran)


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    """Its name looks like a formula. Its costs are 60.5 and 9.25 on two days in May 2025, and it has a click."""
    offer = offer_record(sandbox, name="=SUM(1)", appName="App")
    sandbox.send("offers", [offer])
    other_day = {"userCompletedAt": "2025-05-20T23:59:59Z", "revenue": "9.25"}
    conversions = [
        conversion_callback(sandbox, offer["id"], revenue="60.5"),
        conversion_callback(sandbox, offer["id"], **other_day),
    ]
    sandbox.send("conversions", conversions)
    sandbox.send("events", [event_record(offer["id"], type="click")])
    return str(offer["id"])


def test_looker_studio_signs_in_with_a_host_and_a_key(sandbox: Sandbox) -> None:
    right = {"pathKey": {"path": f"https://{sandbox.host}/", "key": f" {sandbox.owner_key} "}}
    wrong = {"pathKey": {"path": sandbox.host, "key": "gokart_wrong"}}
    ran = run_script(
        sandbox,
        LOOKER,
        ("isAuthValid", None),
        ("setCredentials", wrong),
        ("setCredentials", right),
        ("isAuthValid", None),
        signed_in=False,
    )
    assert [each.get("value") for each in ran.results] == [
        False, {"errorCode": "INVALID_CREDENTIALS"}, {"errorCode": "NONE"}, True,
    ]  # fmt: skip
    assert ran.properties == {"gokart.host": sandbox.host, "gokart.key": sandbox.owner_key}
    assert run_script(sandbox, LOOKER, ("resetAuth", None)).properties == {}


def looker_rows(sandbox: Sandbox, *fields: str, **request: Any) -> list[list[Any]]:
    sent = {"fields": [{"name": name} for name in fields], "dateRange": MAY} | request
    (result,) = run_script(sandbox, LOOKER, ("getData", sent)).results
    assert [field["name"] for field in result["value"]["schema"]] == list(fields)
    return [row["values"] for row in result["value"]["rows"]]


def test_looker_studio_gets_the_rows_that_a_chart_shows(sandbox: Sandbox, offer: str) -> None:
    assert looker_rows(sandbox, "cost", "conversions") == [[69.75, 2]]
    assert looker_rows(sandbox, "day", "offerName", "cost") == [
        ["20250519", "=SUM(1)", 60.5], ["20250520", "=SUM(1)", 9.25],
    ]  # fmt: skip
    assert looker_rows(sandbox, "offerId", "app", "clicks") == [[offer, "App", 1]]
    assert looker_rows(sandbox, "month", "cost") == [["202505", 69.75]]
    tokyo = {"configParams": {"timeZone": "Asia/Tokyo"}}
    assert looker_rows(sandbox, "hour", "conversions", **tokyo)[-1] == ["2025052108", 1]


@pytest.mark.usefixtures("offer")
def test_every_field_of_looker_studio_can_be_requested(sandbox: Sandbox) -> None:
    (schema,) = run_script(sandbox, LOOKER, ("getSchema", None)).results
    fields = [field["name"] for field in schema["value"]["schema"]]
    for field in fields:
        if field not in {"hour", "day", "week", "month"}:
            assert looker_rows(sandbox, "day", field)
    assert len(fields) == 16


def test_looker_studio_shows_what_is_wrong(sandbox: Sandbox) -> None:
    sent = {"fields": [{"name": "cost"}], "dateRange": MAY, "configParams": {"timeZone": "Mars/Olympus"}}
    (result,) = run_script(sandbox, LOOKER, ("getData", sent)).results
    assert "time_zone" in result["error"]
    assert "Mars/Olympus" in result["error"]


def test_a_sheet_gets_the_report(sandbox: Sandbox, offer: str) -> None:
    settings = [*PERIOD, ["group_by", "day,offer"], ["metrics", "cost,clicks"], ["time_zone", ""]]
    ran = run_script(sandbox, SHEETS, ("refresh", None), sheets={"GoKart settings": settings, "GoKart": [["old"]]})
    assert ran.results == [{"value": None}]
    assert ran.sheets["GoKart"] == [
        ["day", "offerId", "offerName", "cost", "clicks", "state"],
        ["2025-05-19", offer, "'=SUM(1)", 60.5, 1, "final"],
        ["2025-05-20", offer, "'=SUM(1)", 9.25, 0, "final"],
    ]


def test_a_sheet_keeps_its_rows_if_the_api_refuses_the_request(sandbox: Sandbox) -> None:
    settings = [*PERIOD, ["group_by", "planet"]]
    ran = run_script(sandbox, SHEETS, ("refresh", None), sheets={"GoKart settings": settings, "GoKart": [["old"]]})
    assert "group_by" in ran.results[0]["error"]
    assert ran.sheets["GoKart"] == [["old"]]


def test_a_new_sheet_has_settings_and_a_menu(sandbox: Sandbox) -> None:
    calls = ("onOpen", None), ("refresh", None), ("signIn", None), ("refresh", None)
    answers = [sandbox.host, sandbox.owner_key]
    ran = run_script(sandbox, SHEETS, *calls, signed_in=False, answers=answers)
    assert [each.get("error") for each in ran.results] == [None, "Choose GoKart > Sign in first.", None, None]
    assert ran.menus == [["GoKart", "Sign in", "signIn"], ["GoKart", "Refresh", "refresh"]]
    assert ran.sheets["GoKart"] == [["No figures"]]
    assert ran.sheets["GoKart settings"][0] == ["period", "last_30_days"]

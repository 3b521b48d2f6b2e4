"""The OpenAPI document is complete and valid, and its examples are correct."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.routes import HTTPRoute
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from apidocs.document import document
from ingest.batches import BatchResult
from ingest.records import Callback, ConversionRecord, Event, OfferRecord, PartnerRecord, Rejection
from main import api
from reporting.read import COST_REPORT, SINGULAR, Report
from tests.support.sandbox import JSON, MAY, Sandbox
from web.operations import PARQUET, XLSX
from web.problems import FieldError, ProblemBody

CALLBACK = Path(__file__).parents[2] / "docs" / "examples" / "conversion-callback-v1.json"
EVENTS = Path(__file__).parents[2] / "docs" / "examples" / "events.ndjson"
DOCUMENT = document("https://api.acme.getgokart.ai", api)
NOT_OF_THE_API = ("/healthz", "/readyz", "/docs", "/openapi.json")
NDJSON = "application/x-ndjson"


def test_it_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_in_it_and_nothing_else() -> None:
    routes = {
        (route.path, method.lower())
        for route in api.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith(NOT_OF_THE_API)
        for method in route.methods
        if method != "OPTIONS"  # Litestar adds OPTIONS to every route
    }
    assert routes == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_it_is_served_without_an_api_key_and_names_the_requested_host(sandbox: Sandbox) -> None:
    response = sandbox.request("GET", "/openapi.json", host=f"{sandbox.host}:8000")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == document(f"http://{sandbox.host}:8000", api)


def test_it_is_not_served_for_a_tenant_that_does_not_exist(sandbox: Sandbox) -> None:
    assert sandbox.request("GET", "/openapi.json", host="api.nobody.localhost").status_code == 404


def test_every_example_matches_its_schema() -> None:
    wrong = []
    for where, schema, example in examples():
        validator = OAS31Validator(
            {**schema, "components": DOCUMENT["components"]}, format_checker=OAS31Validator.FORMAT_CHECKER
        )
        wrong += [(where, error.message) for error in validator.iter_errors(example)]
    assert wrong == []


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """All examples of media types, parameters, headers and schemas: (location, schema, example)."""
    for where, part in parts(DOCUMENT, ""):
        if "schema" in part:
            given = [part["example"]] if "example" in part else []
            given += [example["value"] for example in part.get("examples", {}).values()]
            yield from ((where, part["schema"], example) for example in given)
        elif isinstance(part.get("examples"), list):
            yield from ((where, part, example) for example in part["examples"])


def parts(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield where, value
        for key, inner in value.items():
            yield from parts(inner, f"{where}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from parts(inner, f"{where}/{index}")


def test_every_line_of_an_ndjson_example_matches_the_schema_of_a_line() -> None:
    bodies = [
        body for where, body in parts(DOCUMENT, "") if where.endswith(f"/{NDJSON}") and "x-line" in body["schema"]
    ]
    assert len(bodies) >= 4
    for body in bodies:
        validator = OAS31Validator({**body["schema"]["x-line"], "components": DOCUMENT["components"]})
        texts = [example["value"] for example in body.get("examples", {}).values()] or [body["example"]]
        lines = [msgspec.json.decode(line) for text in texts for line in text.splitlines()]
        assert [validator.validate(line) for line in lines if line.keys() != {"meta"}]


def test_every_body_of_text_has_an_example() -> None:
    bodies = [part for where, part in parts(DOCUMENT, "") if re.search(r"/content/[^/]+/[^/]+$", where)]
    files = [body for body in bodies if body["schema"].get("format") == "binary" and "x-line" not in body["schema"]]
    bodies = [body for body in bodies if body not in files]
    assert {body["schema"]["contentMediaType"] for body in files} == {XLSX, PARQUET}
    assert len(bodies) > 10
    assert all("example" in body or body["examples"] for body in bodies)


@pytest.mark.parametrize(
    ("component", "struct"),
    [
        ("BatchResult", BatchResult),
        ("Rejection", Rejection),
        ("Callback", Callback),
        ("ConversionRecord", ConversionRecord),
        ("Event", Event),
        ("OfferRecord", OfferRecord),
        ("PartnerRecord", PartnerRecord),
        ("ProblemBody", ProblemBody),
        ("FieldError", FieldError),
    ],
)
def test_every_field_is_described_and_no_other(component: str, struct: type[msgspec.Struct]) -> None:
    schema = DOCUMENT["components"]["schemas"][component]
    fields = msgspec.structs.fields(struct)
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    assert set(schema["required"]) == {field.encode_name for field in fields if field.required}
    assert all("description" in inner or "$ref" in inner for inner in schema["properties"].values())


@pytest.mark.parametrize(("component", "report"), [("CostReportRow", COST_REPORT), ("SingularItem", SINGULAR)])
def test_every_column_is_described_and_no_other(component: str, report: Report) -> None:
    columns = (
        report.csv_header.decode().split("\n")[0].split(",")
        if report.csv_header
        else re.findall(r'AS "(\w+)"', report.csv.text)
    )
    schema = DOCUMENT["components"]["schemas"][component]
    assert list(schema["properties"]) == schema["required"] == columns
    assert all("description" in inner or "$ref" in inner for inner in schema["properties"].values())


def bodies(kind: str, method: str) -> Iterator[tuple[str, bytes]]:
    content = DOCUMENT["paths"][f"/api/v1/ingest/{kind}"][method]["requestBody"]["content"]
    for media_type, body in content.items():
        for example in body["examples"].values():
            value = example["value"]
            yield media_type, value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def test_every_documented_body_is_accepted(sandbox: Sandbox) -> None:
    for kind, method in ("offers", "put"), ("partners", "put"), ("conversions", "post"), ("events", "post"):
        for media_type, body in bodies(kind, method):
            response = sandbox.request(
                method,
                f"/api/v1/ingest/{kind}",
                token=sandbox.ingest_key,
                headers={"Content-Type": media_type},
                content=body,
            )
            assert response.status_code == 200
            assert response.json()["rejected"] == []


def test_the_documented_callback_and_events_are_the_ones_that_gokart_sends() -> None:
    assert bytes_of("conversions", "application/json") == msgspec.json.encode(
        msgspec.json.decode(CALLBACK.read_bytes())
    )
    assert bytes_of("events", NDJSON) == EVENTS.read_bytes()


def bytes_of(kind: str, wanted: str) -> bytes:
    return next(body for media_type, body in bodies(kind, "post") if media_type == wanted)


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (400, "Invalid filter parameters provided."),
        (401, "Advertiser not authenticated."),
        (403, "Access denied"),
        (404, "Not found"),
        (405, "Method Not Allowed"),
        (413, "Content Too Large"),
        (415, "Unsupported Media Type"),
        (429, "Too many requests"),
        (500, "An unexpected error occurred."),
        (503, "Service unavailable"),
    ],
)
def test_a_report_documents_each_error_with_its_title(status: int, title: str) -> None:
    name = DOCUMENT["paths"][JSON]["get"]["responses"][str(status)]["$ref"].rpartition("/")[2]
    for example in DOCUMENT["components"]["responses"][name]["content"]["application/problem+json"][
        "examples"
    ].values():
        assert example["value"]["title"] == title
        assert example["value"]["status"] == status


def test_every_header_that_is_documented_for_a_report_is_sent(sandbox: Sandbox) -> None:
    sent = {
        *sandbox.get(JSON, **MAY).headers,
        "gokart-notice",
    }  # GoKart-Notice is sent only if the range was widened
    documented = DOCUMENT["paths"][JSON]["get"]["responses"]["200"]["headers"]
    assert [name for name in documented if name.lower() not in sent] == []

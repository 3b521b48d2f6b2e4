"""An operation of the OpenAPI document is generated from its handler."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from litestar import Litestar, Response, route
from msgspec import UNSET, Meta, UnsetType
from openapi_spec_validator import OpenAPIV31SpecValidator

from apidocs.document import document
from web.operations import CSV, JSON, NDJSON, XLSX, Amount, Count, Operation, documented
from web.requests import READ_METHODS

PATH = "/api/v1/fruit"


class FruitParameters(msgspec.Struct):
    colour: Annotated[list[Literal["red", "green"]], Meta(description="Only these colours.")]
    limit: Annotated[Count | None, Meta(description="At most so many.", examples=[10])] = None


class Fruit(msgspec.Struct, rename="camel"):
    """A fruit."""

    cost: Annotated[Amount, Meta(description="What it costs.")]
    pips_inside: Annotated[int | UnsetType | None, Meta(description="Null: unknown.")] = UNSET


class Basket(msgspec.Struct):
    """Fruit."""

    data: list[Fruit]


@route(
    PATH,
    http_method=READ_METHODS,
    sync_to_thread=False,
    opt=documented(
        Operation(
            id="getFruit",
            tag="Cost report",
            summary="Fruit by colour",
            scopes=("cost-report", "singular"),
            parameters=FruitParameters,
            responses={JSON: Basket, NDJSON: Fruit, CSV: None, XLSX: None},
            examples={JSON: {"data": [{"cost": 0.1}]}, NDJSON: '{"cost":0.1}\n', CSV: "cost\n0.1\n"},
            headers=("ETag", "Content-Disposition?"),
        )
    ),
)
def fruit() -> Response[Any]:
    """All fruit that there is."""
    return Response(None)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document("https://api.acme.getgokart.ai", Litestar([fruit], openapi_config=None))


@pytest.fixture(scope="module")
def operation(described: dict[str, Any]) -> dict[str, Any]:
    get: dict[str, Any] = described["paths"][PATH]["get"]
    return get


def test_it_is_valid(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_its_parameters_are_the_fields_of_a_struct(operation: dict[str, Any]) -> None:
    colour, limit, *headers = operation["parameters"]
    assert (colour["name"], colour["required"], colour["description"]) == ("colour", True, "Only these colours.")
    assert colour["schema"] == {"type": "array", "items": {"enum": ["green", "red"]}}
    assert (limit["name"], limit["required"], limit["example"]) == ("limit", False, 10)
    assert limit["schema"] == {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**63 - 1}
    assert [header["$ref"].rpartition("/")[2] for header in headers] == ["If-None-Match", "X-Request-Id"]


def test_its_description_is_the_docstring_and_the_scope(operation: dict[str, Any]) -> None:
    assert operation["description"] == (
        "All fruit that there is.\n\nRequires an API key with the scope `cost-report` or `singular`."
    )


def test_it_has_a_response_for_each_format(described: dict[str, Any], operation: dict[str, Any]) -> None:
    content = operation["responses"]["200"]["content"]
    assert content[JSON] == {
        "schema": {"$ref": "#/components/schemas/Basket"},
        "example": {"data": [{"cost": 0.1}]},
    }
    assert content[NDJSON]["schema"]["x-line"] == {"$ref": "#/components/schemas/Fruit"}
    assert (content[CSV]["schema"]["contentMediaType"], content[CSV]["example"]) == (CSV, "cost\n0.1\n")
    assert content[XLSX]["schema"]["format"] == "binary"
    properties = described["components"]["schemas"]["Fruit"]["properties"]
    number, text = properties["cost"]["anyOf"]
    assert (number, text["type"], text["format"]) == ({"type": "number"}, "string", "decimal")
    assert described["components"]["schemas"]["Fruit"]["required"] == ["cost"]


def test_its_errors_and_headers_are_those_of_every_operation(operation: dict[str, Any]) -> None:
    assert sorted(operation["responses"]) == [
        "200",
        "304",
        "400",
        "401",
        "403",
        "404",
        "405",
        "406",
        "429",
        "500",
        "503",
    ]
    headers = operation["responses"]["200"]["headers"]
    assert set(headers) == {"ETag", "Content-Disposition", "X-Request-Id", "RateLimit", "RateLimit-Policy"}
    assert headers["Content-Disposition"]["required"] is False


def test_its_head_has_the_headers_without_the_body(described: dict[str, Any], operation: dict[str, Any]) -> None:
    head = described["paths"][PATH]["head"]
    assert head["operationId"] == "headFruit"
    assert head["parameters"] == operation["parameters"]
    assert head["responses"]["200"]["headers"] == operation["responses"]["200"]["headers"]
    assert not [status for status, response in head["responses"].items() if "content" in response]

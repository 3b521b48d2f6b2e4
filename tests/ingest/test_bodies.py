"""Request bodies: formats, encodings and limits."""

import gzip
import zlib

import httpx
import msgspec
import pytest
import zstandard

from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    return str(offer["id"])


def post(
    sandbox: Sandbox, body: bytes, content_type: str | None = "application/json", encoding: str = ""
) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    if encoding:
        headers["Content-Encoding"] = encoding
    return sandbox.request("POST", "/api/v1/ingest/events", token=sandbox.ingest_key, content=body, headers=headers)


def lines(offer: str, count: int = 3) -> list[bytes]:
    return [msgspec.json.encode(event_record(offer)) for _ in range(count)]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-ndjson", "application/json; charset=utf-8"]
)
def test_one_object_an_array_and_ndjson_are_distinguished(sandbox: Sandbox, offer: str, content_type: str) -> None:
    (one,) = lines(offer, 1)
    bodies = {
        one: 1,
        msgspec.json.format(lines(offer, 1)[0], indent=2): 1,
        b"[" + b",".join(lines(offer)) + b"]": 3,
        b"\n".join(lines(offer)): 3,
        b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines(offer)) + b"\r\n": 3,
        b"[]": 0,
    }
    for body, accepted in bodies.items():
        assert post(sandbox, body, content_type).json() == {"accepted": accepted, "duplicates": 0, "rejected": []}


def test_a_malformed_line_is_rejected(sandbox: Sandbox, offer: str) -> None:
    first, second, third = lines(offer)
    result = post(sandbox, b"\n".join([first, b'{"id": "3f', second, b"7", third[:-5]])).json()
    assert result["accepted"] == 2
    assert [r["index"] for r in result["rejected"]] == [1, 3, 4]


@pytest.mark.parametrize(
    "body", [b"", b" ", b"x", b"7", b"null", b'"a"', b"{", b"[{}", b"[{},]", b"{}}", b"\xff", b'{"a":1']
)
def test_a_body_that_is_not_json_gets_400_and_nothing_is_stored(sandbox: Sandbox, body: bytes) -> None:
    response = post(sandbox, body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["body"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_an_unsupported_media_type_gets_415(sandbox: Sandbox, content_type: str) -> None:
    assert post(sandbox, b"{}", content_type).status_code == 415


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "GZIP"])
def test_compressed_bodies_are_accepted(sandbox: Sandbox, offer: str, encoding: str) -> None:
    body = b"\n".join(lines(offer))
    packed = zstandard.compress(body) if encoding == "zstd" else gzip.compress(body[:100]) + gzip.compress(body[100:])
    assert post(sandbox, packed, encoding=encoding).json()["accepted"] == 3


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_contradicts_its_content_encoding_gets_400(sandbox: Sandbox, offer: str, encoding: str) -> None:
    body = lines(offer)[0] * 50
    packed = zstandard.compress(body) if encoding == "zstd" else gzip.compress(body)
    for broken in (b"not compressed", packed[: len(packed) // 2], packed + b"rubbish"):
        response = post(sandbox, broken, encoding=encoding)
        assert response.status_code == 400, broken
        assert [error["field"] for error in response.json()["errors"]] == ["body"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_truncated_body_is_never_accepted(other_sandbox: Sandbox, encoding: str) -> None:
    offer = offer_record(other_sandbox)
    other_sandbox.send("offers", [offer])
    body = b"\n".join(lines(offer["id"], 15_000))
    packed = zstandard.compress(body) if encoding == "zstd" else gzip.compress(body)
    for size in (len(packed) // 2, len(packed) - 1):
        assert post(other_sandbox, packed[:size], encoding=encoding).status_code == 400
    assert other_sandbox.report() == []


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 100_000, b"[" * 200_000 + b"]" * 200_000])
def test_json_that_is_nested_too_deeply_gets_400(sandbox: Sandbox, body: bytes) -> None:
    assert post(sandbox, body).status_code == 400


def test_a_record_that_is_nested_too_deeply_is_rejected(sandbox: Sandbox, offer: str) -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    result = post(sandbox, deep + b"\n" + lines(offer, 1)[0]).json()
    assert result["accepted"] == 1
    assert [r["index"] for r in result["rejected"]] == [0]


BAD_RECORDS = {
    "UTF-8": b'{"id": "\xff"}',
    "surrogate": b'{"id": "\\ud800"}',
    "control": b'{"id": "\x01"}',
    "exponent": b'{"id": 1e-99999999999999999999}',
    "digits": b'{"id": ' + b"9" * 5_000 + b"}",
    "deep": b'{"id": ' + b"[" * 900 + b"]" * 900 + b"}",
}


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS)
@pytest.mark.parametrize("kind", ["events", "conversions"])
def test_an_invalid_record_does_not_affect_the_others(sandbox: Sandbox, offer: str, kind: str, bad: bytes) -> None:
    first, second = (
        msgspec.json.encode(event_record(offer) if kind == "events" else conversion_callback(sandbox, offer))
        for _ in range(2)
    )
    for body in (b"[" + b",".join([first, bad]) + b"]", second + b"\n" + bad):
        headers = {"Content-Type": "application/json"}
        path = f"/api/v1/ingest/{kind}"
        response = sandbox.request("POST", path, token=sandbox.ingest_key, content=body, headers=headers)
        assert response.status_code == 200, response.text
        assert response.json()["accepted"] == 1
        assert [r["index"] for r in response.json()["rejected"]] == [1]


def test_a_number_in_an_unused_field_may_be_out_of_range(sandbox: Sandbox, offer: str) -> None:
    callback = conversion_callback(sandbox, offer, rewardPoints="POINTS")
    body = msgspec.json.encode(callback).replace(b'"POINTS"', b"1e-99999999999999999999")
    headers = {"Content-Type": "application/json"}
    path = "/api/v1/ingest/conversions"
    response = sandbox.request("POST", path, token=sandbox.ingest_key, content=body, headers=headers)
    assert response.json()["accepted"] == 1


def test_an_unsupported_content_encoding_gets_415(sandbox: Sandbox) -> None:
    assert post(sandbox, zlib.compress(b"{}"), encoding="deflate").status_code == 415


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_decompression_bomb_gets_413_with_little_memory(sandbox: Sandbox, encoding: str) -> None:
    zeros = bytes(2**20)
    if encoding == "gzip":
        packer = zlib.compressobj(wbits=31)
        bomb = b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()
    else:
        bomb = zstandard.ZstdCompressor().compress(zeros * 256)
    assert post(sandbox, bomb, encoding=encoding).status_code == 413


def test_a_body_over_the_limits_gets_413(sandbox: Sandbox) -> None:
    assert post(sandbox, b" " * (8 * 2**20 + 1)).status_code == 413
    assert post(sandbox, b"[" + b"0," * 20_000 + b"0]").status_code == 413
    assert post(sandbox, b"{}\n" * 20_001).status_code == 413

"""Corrections: the changes of an uploaded file are previewed before they are applied."""

import csv
import io
import zlib
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.html_page import Page
from tests.support.people import Browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, offer_record

ROOT = "/staff/corrections"


def a_conversion(sandbox: Sandbox, **fields: Any) -> str:
    """Sends a conversion with status Success and a cost of 60. Returns its id."""
    offer = offer_record(sandbox, name="Chess")
    callback = conversion_callback(sandbox, offer["id"], **fields)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [callback])
    id_: str = callback["conversion"]["conversionId"]
    return id_


def sheet(*rows: tuple[str, ...]) -> bytes:
    return "\n".join(",".join(row) for row in [("ConversionId", "Status", "RejectionReason"), *rows]).encode()


def upload(client: Browser, content: bytes, name: str = "corrections.csv") -> httpx.Response:
    return client.post(ROOT, files={"file": (name, content, "text/csv")})


def hidden(response: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    fields = Page(response.text).all("input", type="hidden")
    return {field.attributes["name"]: field.attributes["value"] for field in fields}


def in_parts(fields: dict[str, str]) -> dict[str, Any]:
    return {name: (None, value) for name, value in fields.items()}


def apply(client: Browser, response: httpx.Response, **fields: str) -> httpx.Response:
    return client.post(f"{ROOT}/apply", files=in_parts(hidden(response) | fields))


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    return staff_browser(module_sandbox, "manager")


def test_the_preview_shows_the_changes_and_applies_none(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    response = upload(client, sheet((id_, "Rejected", "Duplicate")))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    text = Page(response.text).text
    for part in (
        "Nothing has changed yet",
        "1 conversion to correct",
        "Owner \N{MINUS SIGN}1 \N{MINUS SIGN}60.00 USD",
        id_,
        "Chess",
        "Duplicate",
    ):
        assert part in text
    assert sandbox.report()[0]["revenue"] == 60


def test_applying_corrects_conversions(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    done = apply(client, upload(client, sheet((id_, "Rejected", "Duplicate"))))
    assert done.status_code == 200
    assert "1 conversion was corrected" in Page(done.text).text
    assert sandbox.report() == []


def test_applying_twice_changes_nothing_more(sandbox: Sandbox, client: Browser) -> None:
    seen = upload(client, sheet((a_conversion(sandbox), "Rejected", "")))
    apply(client, seen)
    again = apply(client, seen)
    assert again.status_code == 409
    text = Page(again.text).text
    assert "The file contains no changes" in text
    assert "1 row matches the current status and is skipped" in text


def test_conversions_changed_since_the_preview_are_previewed_again(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    seen = upload(client, sheet((id_, "Rejected", "")))
    apply(client, upload(client, sheet((id_, "Pending", ""))))
    response = apply(client, seen)
    assert response.status_code == 409
    assert "from Pending to Rejected" in Page(response.text).text
    assert apply(client, response).status_code == 200


def test_a_file_other_than_the_previewed_one_is_not_applied(sandbox: Sandbox, client: Browser) -> None:
    one, other = a_conversion(sandbox), a_conversion(sandbox)
    seen, smuggled = (upload(client, sheet((id_, "Rejected", ""))) for id_ in (one, other))
    response = apply(client, seen, content=hidden(smuggled)["content"])
    assert response.status_code == 409
    assert len(sandbox.report()) == 2


def test_the_audit_log_names_who_applied_it(sandbox: Sandbox) -> None:
    client, email = browser(sandbox), create_staff_user(sandbox, "manager")
    client.sign_in(email, root="/staff")
    id_ = a_conversion(sandbox)
    apply(client, upload(client, sheet((id_, "Rejected", ""))))
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"], last["key"]) == (f"staff:{email}", "conversion", id_)
    assert str(last["address"]) == "127.0.0.1"


def test_rows_with_errors_can_be_downloaded(sandbox: Sandbox, client: Browser) -> None:
    id_, formula = a_conversion(sandbox), "=HYPERLINK(1)"
    seen = upload(client, sheet((id_, "Rejected", ""), (formula, "Rejected", ""), (str(uuid4()), "Lost", "<b>&")))
    text = Page(seen.text).text
    assert "2 rows with errors" in text
    response = client.post(f"{ROOT}/rejects", files=in_parts({"content": hidden(seen)["content"]}))
    assert response.headers["content-disposition"] == 'attachment; filename="rejected-corrections.csv"'
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["Row", "3", "4"]
    assert rows[1][1] == f"'{formula}"
    done = apply(client, seen)
    assert "1 conversion was corrected" in Page(done.text).text
    assert "2 rows with errors" in Page(done.text).text


def test_the_name_of_the_uploaded_file_is_ignored(shared: Browser) -> None:
    seen = upload(shared, sheet(("x", "Rejected", "")), 'a"\r\nSet-Cookie: x=1; <script>.csv')
    assert "<script>.csv" not in seen.text
    response = shared.post(f"{ROOT}/rejects", files=in_parts(hidden(seen)))
    assert "set-cookie" not in response.headers
    assert response.headers["content-disposition"] == 'attachment; filename="rejected-corrections.csv"'


def test_text_of_the_file_is_escaped(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    seen = upload(client, sheet((id_, "Rejected", "<script>alert(1)</script>"), ("<img src=x>", "Rejected", "")))
    assert "<script>alert" not in seen.text
    assert "<img" not in seen.text
    assert "<script>alert(1)</script>" in Page(seen.text).text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Choose a file"),
        (b"\x00\x01\x02", ""),
        (b"\xff\xfe\xff", ""),
        (b"Id,State\n1,2\n", ""),
        (b"ConversionId,Status\n" + b"x,Rejected\n" * 20_001, "20,000"),
        (b"x" * (5 * 2**20 + 1), "5"),
    ],
    ids=["empty", "binary", "not UTF-8", "other columns", "too many rows", "too large"],
)
def test_an_invalid_file_is_reported_at_the_field(shared: Browser, content: bytes, says: str) -> None:
    response = upload(shared, content)
    assert response.status_code == 400
    assert says in Page(response.text).one("small", id="file-error").text


def test_a_file_is_required(shared: Browser) -> None:
    assert shared.post(ROOT).status_code == 400
    assert shared.post(ROOT, files=in_parts({"file": "text"})).status_code == 400


def test_the_preview_names_columns_that_are_not_used(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    seen = upload(client, f'id,status,cost,rejection_reason\n"{id_}","Rejected","60","fraud"\n'.encode())
    text = Page(seen.text).text
    assert "Not used: the column cost" in text
    assert "1 conversion was corrected" in Page(apply(client, seen).text).text


def test_a_viewer_reads_who_corrects_conversions(module_sandbox: Sandbox) -> None:
    page = staff_browser(module_sandbox, "viewer").get(ROOT).text
    assert "Only managers and owners correct conversions" in Page(page).text
    assert 'type="file"' not in page


def test_a_body_that_is_too_large_is_rejected(shared: Browser) -> None:
    assert upload(shared, b"x" * (8 * 2**20)).status_code == 413


BOMB = urlsafe_b64encode(zlib.compress(b"\0" * (64 * 2**20))).decode()


@pytest.mark.parametrize(
    "content", ["", "x", "é", "AAAA", BOMB, BOMB[:-40]], ids=["none", "x", "é", "AAAA", "bomb", "cut"]
)
@pytest.mark.parametrize("path", ["apply", "rejects"])
def test_a_tampered_field_is_rejected(shared: Browser, path: str, content: str) -> None:
    response = shared.post(f"{ROOT}/{path}", files=in_parts({"content": content, "digest": "x"}))
    assert response.status_code == 400


def test_another_tenants_conversion_is_not_found(other_sandbox: Sandbox, shared: Browser) -> None:
    id_ = a_conversion(other_sandbox)
    seen = upload(shared, sheet((id_, "Rejected", "")))
    assert "Every row of the file has errors" in Page(seen.text).text
    assert other_sandbox.report()[0]["revenue"] == 60

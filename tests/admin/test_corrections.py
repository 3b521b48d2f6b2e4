"""The desk's corrections: a file is looked at before it does anything."""

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
    """Sent in, a Success of 60; its id."""
    offer = offer_record(sandbox, name="Chess")
    callback = conversion_callback(sandbox, offer["id"], **fields)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [callback])
    id_: str = callback["conversion"]["conversionId"]
    return id_


def sheet(*rows: tuple[str, ...]) -> bytes:
    return "\n".join(",".join(row) for row in [("ConversionId", "Status", "RejectionReason"), *rows]).encode()


def look(client: Browser, content: bytes, name: str = "corrections.csv") -> httpx.Response:
    return client.post(ROOT, files={"file": (name, content, "text/csv")})


def hidden(answer: httpx.Response) -> dict[str, str]:
    """What a page's forms carry on."""
    fields = Page(answer.text).all("input", type="hidden")
    return {field.attributes["name"]: field.attributes["value"] for field in fields}


def in_parts(fields: dict[str, str]) -> dict[str, Any]:
    return {name: (None, value) for name, value in fields.items()}


def apply(client: Browser, answer: httpx.Response, **fields: str) -> httpx.Response:
    return client.post(f"{ROOT}/apply", files=in_parts(hidden(answer) | fields))


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    return staff_browser(module_sandbox, "manager")


def test_looking_shows_what_would_change_and_changes_nothing(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    answer = look(client, sheet((id_, "Rejected", "Duplicate")))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    text = Page(answer.text).text
    for part in (
        "Nothing has been done yet",
        "1 conversion to correct",
        "Owner \N{MINUS SIGN}1 \N{MINUS SIGN}60.00 USD",
        id_,
        "Chess",
        "Duplicate",
    ):
        assert part in text
    assert sandbox.report()[0]["revenue"] == 60


def test_applying_does_it(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    done = apply(client, look(client, sheet((id_, "Rejected", "Duplicate"))))
    assert done.status_code == 200
    assert "1 conversion is corrected" in Page(done.text).text
    assert sandbox.report() == []


def test_applied_again_it_does_nothing(sandbox: Sandbox, client: Browser) -> None:
    seen = look(client, sheet((a_conversion(sandbox), "Rejected", "")))
    apply(client, seen)
    again = apply(client, seen)
    assert again.status_code == 409
    text = Page(again.text).text
    assert "No row of the file changes anything" in text
    assert "1 is as the file says already" in text


def test_what_has_changed_meanwhile_is_shown_first(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    seen = look(client, sheet((id_, "Rejected", "")))
    apply(client, look(client, sheet((id_, "Pending", ""))))
    answer = apply(client, seen)
    assert answer.status_code == 409
    assert "from Pending to Rejected" in Page(answer.text).text
    assert apply(client, answer).status_code == 200


def test_another_file_than_the_one_looked_at_is_not_applied(sandbox: Sandbox, client: Browser) -> None:
    one, other = a_conversion(sandbox), a_conversion(sandbox)
    seen, smuggled = (look(client, sheet((id_, "Rejected", ""))) for id_ in (one, other))
    answer = apply(client, seen, content=hidden(smuggled)["content"])
    assert answer.status_code == 409
    assert len(sandbox.report()) == 2


def test_it_is_noted_who_did_it(sandbox: Sandbox) -> None:
    client, email = browser(sandbox), create_staff_user(sandbox, "manager")
    client.sign_in(email, root="/staff")
    id_ = a_conversion(sandbox)
    apply(client, look(client, sheet((id_, "Rejected", ""))))
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"], last["key"]) == (f"staff:{email}", "conversion", id_)
    assert str(last["address"]) == "127.0.0.1"


def test_rows_that_cannot_be_used_come_back_as_a_file(sandbox: Sandbox, client: Browser) -> None:
    id_, formula = a_conversion(sandbox), "=HYPERLINK(1)"
    seen = look(client, sheet((id_, "Rejected", ""), (formula, "Rejected", ""), (str(uuid4()), "Lost", "<b>&")))
    text = Page(seen.text).text
    assert "2 rows that cannot be used" in text
    answer = client.post(f"{ROOT}/rejects", files=in_parts({"content": hidden(seen)["content"]}))
    assert answer.headers["content-disposition"] == 'attachment; filename="rejected-corrections.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["Row", "3", "4"]
    assert rows[1][1] == f"'{formula}"
    done = apply(client, seen)
    assert "1 conversion is corrected" in Page(done.text).text
    assert "2 rows that cannot be used" in Page(done.text).text


def test_what_a_file_is_called_goes_nowhere(shared: Browser) -> None:
    seen = look(shared, sheet(("x", "Rejected", "")), 'a"\r\nSet-Cookie: x=1; <script>.csv')
    assert "<script>.csv" not in seen.text
    answer = shared.post(f"{ROOT}/rejects", files=in_parts(hidden(seen)))
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-disposition"] == 'attachment; filename="rejected-corrections.csv"'


def test_text_of_the_file_is_text_on_the_page(sandbox: Sandbox, client: Browser) -> None:
    id_ = a_conversion(sandbox)
    seen = look(client, sheet((id_, "Rejected", "<script>alert(1)</script>"), ("<img src=x>", "Rejected", "")))
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
def test_a_file_that_cannot_be_used_is_told_at_the_field(shared: Browser, content: bytes, says: str) -> None:
    answer = look(shared, content)
    assert answer.status_code == 400
    assert says in Page(answer.text).one("small", id="file-error").text


def test_no_file_at_all(shared: Browser) -> None:
    assert shared.post(ROOT).status_code == 400
    assert shared.post(ROOT, files=in_parts({"file": "text"})).status_code == 400


def test_a_body_beyond_all_bounds_is_refused(shared: Browser) -> None:
    assert look(shared, b"x" * (8 * 2**20)).status_code == 413


BOMB = urlsafe_b64encode(zlib.compress(b"\0" * (64 * 2**20))).decode()


@pytest.mark.parametrize(
    "content", ["", "x", "é", "AAAA", BOMB, BOMB[:-40]], ids=["none", "x", "é", "AAAA", "bomb", "cut"]
)
@pytest.mark.parametrize("path", ["apply", "rejects"])
def test_what_no_page_of_ours_has_sent_is_refused(shared: Browser, path: str, content: str) -> None:
    answer = shared.post(f"{ROOT}/{path}", files=in_parts({"content": content, "digest": "x"}))
    assert answer.status_code == 400


def test_another_tenants_conversion_is_not_there(other_sandbox: Sandbox, shared: Browser) -> None:
    id_ = a_conversion(other_sandbox)
    seen = look(shared, sheet((id_, "Rejected", "")))
    assert "No row of the file can be used" in Page(seen.text).text
    assert other_sandbox.report()[0]["revenue"] == 60

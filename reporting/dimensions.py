"""GET /api/v1/offers and /api/v1/partners: the names of the ids in reports and change feeds."""

from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response
from msgspec import Meta

from auth.api_keys.authenticate import current_advertiser, requires_api_key
from core.metrics import count_report
from core.timestamps import iso
from database.pool import connection
from database.sql import SqlFile
from reporting.filters import collect
from reporting.list_parameters import MAX_BODY_BYTES, read_query
from reporting.read import SQL, matches_etag, report_slots
from reporting.responses import requested_etags, row_logger, streaming_response, vary_by_encoding
from reporting.rows import MEDIA_TYPES, RowFormat, RowStatements, one_part, read_row_format, row_stream
from settings import settings
from tenants.tenant import current_tenant
from web.operations import CSV, JSON, NDJSON, Count, Instant, Operation, documented
from web.problems import FieldError, invalid_parameters
from web.requests import READ_METHODS, AnyRequest
from web.routing import route

Text = Annotated[str, Meta(max_length=500)]
UpdatedAt = Annotated[
    Instant,
    Meta(
        description="When the row changed last, in UTC. If that was before GoKart recorded changes, when the row was "
        "created."
    ),
]


class OfferRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An offer of the advertiser."""

    id: Annotated[UUID, Meta(description="`offerId` in reports.")]
    name: Annotated[Text, Meta(description="The name as users see it.")]
    app: Annotated[Text | None, Meta(description="The name of the app; null if the offer has none.")]
    store_id: Annotated[
        Text | None, Meta(description="`com.test`, or an App Store number; null if the offer has none.")
    ]
    os: Annotated[Literal["IOS", "ANDROID", "WEB"] | None, Meta(description="Null if the offer has none.")]
    campaign: Annotated[Text | None, Meta(description="The advertiser's own name for the offer; null if it has none.")]
    updated_at: UpdatedAt


class PartnerRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A partner that appears in the advertiser's figures."""

    id: Annotated[UUID, Meta(description="`partnerId` in reports.")]
    name: Annotated[Text, Meta(description="The name in reports.")]
    updated_at: UpdatedAt


class ListMeta(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The end of a complete list."""

    rows: Annotated[Count, Meta(description="The number of rows.")]
    data_through: Annotated[Instant, Meta(description="The time of the last batch of data.")]
    complete: Annotated[bool, Meta(description="Always true: an incomplete response ends without `meta`.")]


class OfferList(msgspec.Struct, forbid_unknown_fields=True):
    """The advertiser's offers."""

    data: list[OfferRow]
    meta: ListMeta


class PartnerList(msgspec.Struct, forbid_unknown_fields=True):
    """The partners that appear in the advertiser's figures."""

    data: list[PartnerRow]
    meta: ListMeta


class ListParameters(msgspec.Struct):
    format: Annotated[RowFormat, Meta(description="Without it, the header `Accept` decides.", examples=["ndjson"])] = (
        "json"
    )


class Dimension(msgspec.Struct, frozen=True):
    """A list of the advertiser's. Its statements have the parameter `advertiser`."""

    name: Literal["offers", "partners"]
    state: SqlFile
    items: SqlFile
    columns: SqlFile

    @classmethod
    def of(cls, name: Literal["offers", "partners"]) -> "Dimension":
        path = SQL / f"dimension_{name}.sql"
        return cls(name, SqlFile(path, "state"), SqlFile(path, "items"), SqlFile(path, "columns"))


OFFERS, PARTNERS = Dimension.of("offers"), Dimension.of("partners")


def operation(
    name: str, summary: str, list_: type[msgspec.Struct], row: type[msgspec.Struct], example: dict[str, Any]
) -> Operation:
    meta = {"rows": 1, "dataThrough": "2025-05-28T03:06:28Z", "complete": True}
    return Operation(
        id=f"list{name}",
        tag="Catalogue",
        summary=summary,
        scopes=("cost-report",),
        parameters=ListParameters,
        responses={JSON: list_, NDJSON: row, CSV: None},
        examples={
            JSON: {"data": [example], "meta": meta},
            NDJSON: "".join(msgspec.json.encode(line).decode() + "\n" for line in (example, {"meta": meta})),
            CSV: f"{','.join(example)}\n{','.join(example.values())}\n",
        },
        headers=("GoKart-Data-Through", "ETag", "Cache-Control", "Vary", "Content-Disposition?"),
    )


class DimensionController(Controller):
    guards = [requires_api_key("cost-report")]
    request_max_body_size = MAX_BODY_BYTES

    @route(
        "/api/v1/offers",
        http_method=READ_METHODS,
        opt=documented(
            operation(
                "Offers",
                "The advertiser's offers",
                OfferList,
                OfferRow,
                {
                    "id": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
                    "name": "Advertised Test",
                    "app": "Test App",
                    "storeId": "com.test",
                    "os": "ANDROID",
                    "campaign": "AOS_TEST_2025",
                    "updatedAt": "2025-05-19T15:36:19.756249Z",
                },
            )
        ),
    )
    async def offers(self, request: AnyRequest) -> Response[Any]:
        """In order of their names. An offer that moves to another advertiser leaves the list of the old one."""
        return await respond(request, OFFERS)

    @route(
        "/api/v1/partners",
        http_method=READ_METHODS,
        opt=documented(
            operation(
                "Partners",
                "The partners that appear in the advertiser's figures",
                PartnerList,
                PartnerRow,
                {
                    "id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    "name": "Limestone Digital",
                    "updatedAt": "2025-05-19T15:36:19.756249Z",
                },
            )
        ),
    )
    async def partners(self, request: AnyRequest) -> Response[Any]:
        """In order of their names. The network itself is a partner, too: of conversions that name no other."""
        return await respond(request, PARTNERS)


async def respond(request: AnyRequest, dimension: Dimension) -> Response[Any]:
    given = collect(await read_query(request), ("format",))
    try:
        format_ = read_row_format(request, given.get("format"))
    except ValueError as error:
        raise invalid_parameters(FieldError("format", str(error))) from error
    tenant, advertiser = current_tenant(), current_advertiser(request)
    query = dimension.state.bind(tenant.schema, advertiser=advertiser)
    async with report_slots.slot((tenant.id, advertiser)), connection() as db:
        row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    data_through = iso(row["data_through"] or tenant.created_at)
    state = f"{dimension.name} {format_} {tenant.id} {advertiser} {row['state']}"
    headers = {
        "GoKart-Data-Through": data_through,
        "ETag": f'W/"{blake2b(state.encode(), digest_size=16).hexdigest()}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept",
    }
    if matches_etag(headers["ETag"], requested_etags(request)):
        count_report(dimension.name, "not_modified")
        return Response(None, status_code=304, headers=vary_by_encoding(headers))
    count_report(dimension.name, "primary")
    statements = RowStatements(
        dimension.items.bind(tenant.schema, advertiser=advertiser),
        dimension.columns.bind(tenant.schema, advertiser=advertiser),
    )

    def meta(rows: int) -> dict[str, object]:
        return {"rows": rows, "dataThrough": data_through, "complete": True}

    if format_ == "csv":
        headers["Content-Disposition"] = f'attachment; filename="gokart-{dimension.name}.csv"'
    parts = partial(one_part, statements)
    chunks = row_stream(tenant, advertiser, parts, format_, meta=meta, log_rows=row_logger(request))
    return await streaming_response(request, chunks, MEDIA_TYPES[format_], headers)

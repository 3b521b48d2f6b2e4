"""GET /api/v1/offers and /api/v1/partners: the names of the ids in reports and change feeds."""

from hashlib import blake2b
from typing import Any, Literal

import msgspec
from litestar import Controller, Response, route

from auth.api_keys.authenticate import current_caller, requires_api_key
from core.metrics import count_report
from core.timestamps import iso
from database.pool import connection
from database.sql import SqlFile
from reporting.filters import collect, query_pairs
from reporting.read import SQL, matches_etag, report_slots
from reporting.responses import requested_etags, row_logger, streaming_response, vary_by_encoding
from reporting.rows import MEDIA_TYPES, RowStatements, read_row_format, row_stream
from settings import settings
from tenants.tenant import current_tenant
from web.problems import FieldError, invalid_parameters
from web.requests import READ_METHODS, AnyRequest


class Dimension(msgspec.Struct, frozen=True):
    """A list of the advertiser's."""

    name: Literal["offers", "partners"]
    state: SqlFile
    items: SqlFile
    columns: SqlFile

    @classmethod
    def of(cls, name: Literal["offers", "partners"]) -> "Dimension":
        path = SQL / f"dimension_{name}.sql"
        return cls(name, SqlFile(path, "state"), SqlFile(path, "items"), SqlFile(path, "columns"))


OFFERS, PARTNERS = Dimension.of("offers"), Dimension.of("partners")


class DimensionController(Controller):
    guards = [requires_api_key("cost-report")]
    tags = ["Reports"]

    @route("/api/v1/offers", http_method=READ_METHODS)
    async def offers(self, request: AnyRequest) -> Response[Any]:
        """The advertiser's offers, in order of their names."""
        return await respond(request, OFFERS)

    @route("/api/v1/partners", http_method=READ_METHODS)
    async def partners(self, request: AnyRequest) -> Response[Any]:
        """The partners that appear in the advertiser's figures, in order of their names."""
        return await respond(request, PARTNERS)


async def respond(request: AnyRequest, dimension: Dimension) -> Response[Any]:
    given = collect(query_pairs(request.scope["query_string"]), ("format",))
    try:
        format_ = read_row_format(request, given.get("format"))
    except ValueError as error:
        raise invalid_parameters(FieldError("format", str(error))) from error
    tenant, advertiser = current_tenant(), current_caller(request).advertiser
    assert advertiser is not None, "the scope belongs to advertisers' keys"
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
    chunks = row_stream(tenant, advertiser, statements, format_, meta=meta, log_rows=row_logger(request))
    return await streaming_response(request, chunks, MEDIA_TYPES[format_], headers)

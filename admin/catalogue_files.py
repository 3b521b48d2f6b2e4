"""CSV files of the catalogue: export of the rows of a list, and import of a whole file after a preview.

The preview page carries the file in a hidden field, so the server stores nothing until it is applied.
"""

from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from admin.catalogue_import import (
    ImportOutdatedError,
    ImportRefusedError,
    apply_import,
    import_columns,
    preview_import,
)
from admin.catalogue_lists import CatalogueList
from admin.corrections import MAX_BODY, packed, unpacked
from auth.users.guards import requires_login, requires_role
from catalog.fields import CatalogueKind
from core.spreadsheets import spreadsheet_rows
from database.pool import PooledConnection
from database.transactions import primary_snapshot
from ingest.correction_files import MAX_FILE_BYTES, MAX_ROWS, CorrectionsError
from reporting.responses import streaming_response
from tenants.tenant import Tenant, current_tenant
from web.pages.forms import read_form, read_upload
from web.pages.lists import Sort, read_list_request
from web.pages.rendering import Notice, PageLayout, render_page
from web.problems import Problem
from web.requests import AnyRequest
from web.streams import SendChunk, stream

PREVIEW_LIMIT = 200
CHUNK_ROWS = 500


class CatalogueFileController(Controller):
    guards = [requires_login]
    request_max_body_size = MAX_BODY
    kind: ClassVar[CatalogueKind]
    catalogue_list: ClassVar[CatalogueList]
    export_columns: ClassVar[dict[str, str]]  # of the file, each with its SQL

    @get("/export")
    async def export(self, request: AnyRequest) -> Response[Any]:
        """All rows of the list's filters, in order of id. The file can be imported again."""
        tenant = current_tenant()
        list_ = read_list_request(request, {"id": Sort("t.id", "uuid")}, self.catalogue_list.filter_names)
        found = await self.catalogue_list.select(tenant, list_.filters)
        columns = ", ".join(f"{sql}::text AS {name}" for name, sql in self.export_columns.items())
        query = f"SELECT {columns} FROM {found.source} WHERE {found.where} ORDER BY {found.id}"
        name = f"{self.kind.plural}-{datetime.now(UTC):%Y-%m-%d}.csv"
        return await streaming_response(
            request,
            csv_chunks(tenant, list(self.export_columns), query, found.args),
            "text/csv",
            {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store", "Vary": "Cookie"},
        )

    @get("/import", guards=[requires_role("manager")])
    async def import_form(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return self.import_page(layout)

    @post("/import", guards=[requires_role("manager")])
    async def upload(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        content = await read_upload(request, "file", MAX_FILE_BYTES + 1)
        if not content:
            return self.import_page(layout, error="Choose a file.")
        return await self.preview_page(layout, content, uuid4())

    @post("/import/apply", guards=[requires_role("manager")])
    async def apply(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Idempotent: sent again, the same file contains no changes."""
        form = await read_form(request)
        content, seed = unpacked(form["content"]), read_seed(form["seed"])
        try:
            done = await apply_import(current_tenant(), self.kind, content, seed, form["digest"])
        except ImportOutdatedError as error:
            return await self.preview_page(layout, content, seed, Notice("warning", str(error)), status=409)
        except ImportRefusedError as error:
            return await self.preview_page(layout, content, seed, Notice("danger", str(error)), status=400)
        except CorrectionsError as error:
            return self.import_page(layout, error=str(error))
        return render_page("admin/catalogue_imported.html", layout, kind=self.kind, root=self.kind.root, preview=done)

    def import_page(self, layout: PageLayout, error: str = "") -> Response[Any]:
        return render_page(
            "admin/catalogue_import.html",
            layout,
            status=400 if error else 200,
            kind=self.kind,
            root=self.kind.root,
            columns=import_columns(self.kind),
            rows=MAX_ROWS,
            megabytes=MAX_FILE_BYTES // 2**20,
            error=error,
        )

    async def preview_page(
        self, layout: PageLayout, content: bytes, seed: UUID, notice: Notice | None = None, *, status: int = 200
    ) -> Response[Any]:
        try:
            preview = await preview_import(current_tenant(), self.kind, content, seed)
        except CorrectionsError as error:
            return self.import_page(layout, error=str(error))
        return render_page(
            "admin/catalogue_import_preview.html",
            layout,
            status=400 if preview.invalid and status == 200 else status,
            kind=self.kind,
            root=self.kind.root,
            preview=preview,
            packed=packed(content),
            seed=seed,
            shown=PREVIEW_LIMIT,
            notice=notice,
        )


def read_seed(text: str) -> UUID:
    """Raises Problem 400."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem(400, "The file is damaged. Upload it again.", title="Bad Request") from error


def csv_chunks(tenant: Tenant, columns: Sequence[str], query: str, args: Sequence[Any]) -> AsyncGenerator[bytes, None]:
    """For spreadsheets: with a BOM, and without formulas."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        await send_chunk(BOM_UTF8 + spreadsheet_rows([columns]))
        statement = await db.prepare(query, name="")
        cursor = await statement.cursor(*args)
        while rows := await cursor.fetch(CHUNK_ROWS):
            await send_chunk(spreadsheet_rows(rows))

    return stream(tenant, tenant.id, primary_snapshot, produce)

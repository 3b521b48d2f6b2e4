"""/staff/corrections: uploads a CSV file of conversions with their new status, previews the changes and applies them.

The preview page carries the file in a hidden field, so the server stores nothing until the changes are applied.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.users.guards import requires_login, requires_role
from ingest.correction_files import COLUMNS, MAX_FILE_BYTES, MAX_ROWS, CorrectionsError
from ingest.corrections import CorrectionsPreview, PreviewOutdatedError, apply_corrections, preview_corrections
from ingest.rollups import CostOverflowError
from tenants.tenant import current_tenant
from web.pages.forms import read_form, read_upload
from web.pages.rendering import Notice, PageLayout, render_page
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/corrections"
REJECTS = "rejected-corrections.csv"
PREVIEW_LIMIT = 200
MAX_BODY = MAX_FILE_BYTES * 4 // 3 + 2**16  # an incompressible file in base64, and the rest of the form


class CorrectionsController(Controller):
    path = "/corrections"
    guards = [requires_login]
    request_max_body_size = MAX_BODY

    @get()
    async def upload_form(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return upload_page(layout)

    @post(guards=[requires_role("manager")])
    async def upload(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        content = await read_upload(request, "file", MAX_FILE_BYTES + 1)
        if not content:
            return upload_page(layout, error="Choose a file.")
        try:
            return preview_page(layout, content, await preview_corrections(current_tenant(), content))
        except CorrectionsError as error:
            return upload_page(layout, error=str(error))

    @post("/apply", guards=[requires_role("manager")])
    async def apply(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Idempotent: sent again, the same file contains no changes."""
        form = await read_form(request)
        content = unpacked(form["content"])
        try:
            done = await apply_corrections(current_tenant(), content, form["digest"], datetime.now(UTC))
        except PreviewOutdatedError as error:
            try:
                now = await preview_corrections(current_tenant(), content)
            except CorrectionsError as other:
                return upload_page(layout, error=str(other))
            return preview_page(layout, content, now, Notice("warning", str(error)), status=409)
        except (CorrectionsError, CostOverflowError) as error:
            return upload_page(layout, error=str(error))
        return render_page("admin/corrections_done.html", layout, root=ROOT, preview=done, packed=packed(content))

    @post("/rejects", guards=[requires_role("manager")])
    async def rejects(self, request: AnyRequest) -> Response[bytes]:
        content = unpacked((await read_form(request))["content"])
        try:
            found = await preview_corrections(current_tenant(), content)
        except CorrectionsError as error:
            raise Problem(400, str(error), title="Bad Request") from error
        return Response(
            found.rejects_csv(),
            status_code=200,
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{REJECTS}"'},
        )


def packed(content: bytes) -> str:
    return urlsafe_b64encode(zlib.compress(content)).decode()


def unpacked(text: str) -> bytes:
    """Raises Problem 400 where the field is not one that `packed` made."""
    damaged = Problem(400, "The file is damaged. Upload it again.", title="Bad Request")
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(urlsafe_b64decode(text), MAX_FILE_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise damaged from error
    if not decompressor.eof or len(content) > MAX_FILE_BYTES:
        raise damaged
    return content


def upload_page(layout: PageLayout, error: str = "") -> Response[Any]:
    return render_page(
        "admin/corrections.html",
        layout,
        status=400 if error else 200,
        root=ROOT,
        columns=COLUMNS,
        rows=MAX_ROWS,
        megabytes=MAX_FILE_BYTES // 2**20,
        error=error,
    )


def preview_page(
    layout: PageLayout, content: bytes, found: CorrectionsPreview, notice: Notice | None = None, *, status: int = 200
) -> Response[Any]:
    return render_page(
        "admin/corrections_preview.html",
        layout,
        status=status,
        root=ROOT,
        preview=found,
        packed=packed(content),
        shown=PREVIEW_LIMIT,
        notice=notice,
    )

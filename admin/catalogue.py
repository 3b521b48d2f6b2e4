"""What the staff pages of advertisers, offers and partners share: lists, forms, status and deletion.

A change with effects outside these pages is previewed before it is saved.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar
from uuid import UUID, uuid4

import msgspec
from asyncpg import Record
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.catalogue_effects import field_effects, status_effects
from admin.catalogue_files import CatalogueFileController
from admin.catalogue_lists import ListFilter
from auth.users.guards import requires_role
from catalog.advertiser_choice import AdvertiserChoice
from catalog.fields import FieldValues, read_fields
from catalog.records import CatalogueError, create_row, delete_row, find_row, set_status, update_row
from core.currencies import CURRENCIES
from core.time_zones import ZONE_NAMES
from database.pool import connection
from tenants.tenant import Tenant, current_tenant
from web.pages.forms import Form, read_form, split_field_error
from web.pages.lists import Sort, read_list_page, read_list_request
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

MAX_ROWS_AT_ONCE = 500
DONE = {
    "created": "Created.",
    "saved": "Saved.",
    "unchanged": "Nothing was changed.",
    "deleted": "Deleted.",
    "active": "Active again.",
    "paused": "Paused.",
    "archived": "Archived.",
    "offer": "The offer was created.",
}
VERBS = {"active": "Resume", "paused": "Pause", "archived": "Archive"}


class FieldChange(msgspec.Struct, frozen=True):
    """The change of one field, as a preview shows it."""

    label: str
    before: str | None
    after: str | None


class RecordForm(msgspec.Struct):
    """A form for a row. `values` and `errors` are by field. `id` is that of a new row, `choice` of its advertiser."""

    values: Mapping[str, str]
    errors: dict[str, str] = {}
    id: str = ""
    choice: AdvertiserChoice | None = None


class CatalogueController(CatalogueFileController):
    """Pages of one kind. A new row's form contains its id, so that a form that is sent twice creates one row."""

    sorts: ClassVar[Mapping[str, Sort]]
    groups: ClassVar[Sequence[tuple[str, Sequence[str]]]]  # of fields in the form: title, names

    # What differs between kinds

    @abstractmethod
    async def record_page(
        self, request: AnyRequest, layout: PageLayout, row: Record, **context: Any
    ) -> Response[Any]: ...

    async def list_filters(self, tenant: Tenant, filters: Mapping[str, str]) -> Sequence[ListFilter]:
        return self.catalogue_list.filters()

    async def new_form(self, request: AnyRequest, form: Form | None) -> RecordForm:
        return RecordForm({field.name: form[field.name] if form else "" for field in self.kind.fields})

    async def read_keys(self, form: Form, errors: dict[str, str]) -> dict[str, UUID]:
        """Columns of a new row that are not in `kind.fields`. Adds to `errors`."""
        return {}

    def after_creation(self, request: AnyRequest, id_: UUID, form: Form) -> str:
        """The URL of the next page."""
        return f"{self.kind.root}/{id_}?done=created"

    # Pages

    @get()
    async def list_rows(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        tenant = current_tenant()
        list_ = read_list_request(request, self.sorts, self.catalogue_list.filter_names)
        found = await self.catalogue_list.select(tenant, list_.filters)
        async with connection() as db:
            page = await read_list_page(
                db, list_, found.columns, found.source, found.args, where=found.where, id_=found.id
            )
        return render_page(
            f"admin/{self.kind.plural}.html",
            layout,
            kind=self.kind,
            root=self.kind.root,
            list=list_,
            page=page,
            filters=await self.list_filters(tenant, list_.filters),
            filter_error=found.error,
            verbs=[(status, VERBS[status]) for status in self.kind.statuses],
            done=DONE.get(request.query_params.get("done", "")),
        )

    @get("/new", guards=[requires_role("manager")])
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await self.new_form(request, None)
        form.id = str(uuid4())
        return self.form_page(request, layout, form)

    @post("/new", guards=[requires_role("manager")])
    async def create(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        sent = await read_form(request)
        values, errors = read_fields(self.kind, {field.name: sent[field.name] for field in self.kind.fields})
        keys = await self.read_keys(sent, errors)
        id_ = read_new_id(sent, errors)
        if not errors:
            try:
                await create_row(current_tenant(), self.kind, id_, values, **keys)
                return redirect(request, self.after_creation(request, id_, sent))
            except CatalogueError as error:
                field, text = split_field_error(error)
                errors[field] = text
        form = await self.new_form(request, sent)
        form.id, form.errors = sent["new_id"], errors
        return self.form_page(request, layout, form, given_id=sent["id"])

    @get("/{row_id:uuid}")
    async def row(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        return await self.page_of(request, layout, await self.row_or_404(row_id))

    @get("/{row_id:uuid}/edit", guards=[requires_role("manager")])
    async def edit_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        row = await self.row_or_404(row_id)
        form = RecordForm({field.name: row[field.name] or "" for field in self.kind.fields})
        return self.form_page(request, layout, form, row)

    @post("/{row_id:uuid}/edit", guards=[requires_role("manager")])
    async def edit(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        row = await self.row_or_404(row_id)
        sent = await read_form(request)
        given = {field.name: sent[field.name] for field in self.kind.fields}
        values, errors = read_fields(self.kind, given)
        changed = {name: value for name, value in values.items() if value != row[name]}
        form = RecordForm(given, errors)
        if errors or sent["again"]:
            return self.form_page(request, layout, form, row)
        if not changed:
            return redirect(request, f"{self.kind.root}/{row_id}?done=unchanged")
        effects = field_effects(self.kind, changed)
        digest = change_digest(row, changed)
        if effects and sent["confirmed"] != digest:
            return self.change_page(layout, row, changed=changed, effects=effects, given=given, digest=digest)
        try:
            await update_row(current_tenant(), self.kind, row_id, changed)
        except CatalogueError as error:
            field, text = split_field_error(error)
            form.errors[field] = text
            return self.form_page(request, layout, form, row)
        return redirect(request, f"{self.kind.root}/{row_id}?done=saved")

    @get("/status", guards=[requires_role("manager")])
    async def status_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """`id`, which may be repeated, and `to`."""
        query = request.query_params
        return await self.status_page(request, layout, query.getall("id", []), query.get("to", ""))

    @post("/status", guards=[requires_role("manager")])
    async def change_status(self, request: AnyRequest) -> Response[Any]:
        form = await read_form(request)
        ids, status = self.read_status_change(form.all("id"), form["to"])
        try:
            await set_status(current_tenant(), self.kind, ids, status)
        except CatalogueError as error:
            raise Problem(400, f"Nothing was changed. {split_field_error(error)[1]}", title="Bad Request") from error
        where = f"/{ids[0]}" if len(ids) == 1 else ""
        return redirect(request, f"{self.kind.root}{where}?done={status}")

    @post("/{row_id:uuid}/delete", guards=[requires_role("manager")])
    async def delete(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        row = await self.row_or_404(row_id)
        try:
            await delete_row(current_tenant(), self.kind, row_id)
        except CatalogueError as error:
            return await self.page_of(request, layout, row, error=str(error))
        return redirect(request, f"{self.kind.root}?done=deleted")

    # Parts of the pages

    async def page_of(self, request: AnyRequest, layout: PageLayout, row: Record, error: str = "") -> Response[Any]:
        return await self.record_page(
            request,
            layout,
            row,
            status=409 if error else 200,
            kind=self.kind,
            root=self.kind.root,
            verbs=[(status, VERBS[status]) for status in self.kind.statuses],
            error=error,
            done=DONE.get(request.query_params.get("done", "")),
        )

    async def row_or_404(self, row_id: UUID) -> Record:
        """Raises Problem 404."""
        row = await find_row(current_tenant(), self.kind, row_id)
        if row is None:
            raise Problem(404, f"{self.kind.label.capitalize()} not found.")
        return row

    def form_page(
        self, request: AnyRequest, layout: PageLayout, form: RecordForm, row: Record | None = None, given_id: str = ""
    ) -> Response[Any]:
        fields = {field.name: field for field in self.kind.fields}
        return render_page(
            "admin/catalogue_form.html",
            layout,
            status=400 if form.errors else 200,
            kind=self.kind,
            root=self.kind.root,
            row=row,
            form=form,
            given_id=given_id,
            groups=[(title, [fields[name] for name in names]) for title, names in self.groups],
            back=self.back_of(request, row),
            done=DONE.get(request.query_params.get("done", "")) if not form.errors else None,
            currencies=sorted(CURRENCIES),
            zones=sorted(ZONE_NAMES.values()),
        )

    def back_of(self, request: AnyRequest, row: Record | None) -> tuple[str, str]:
        """The URL and title of the page above the form."""
        return (
            (f"{self.kind.root}/{row['id']}", row["name"]) if row else (self.kind.root, self.kind.plural.capitalize())
        )

    def change_page(
        self,
        layout: PageLayout,
        row: Record,
        *,
        changed: FieldValues,
        effects: Sequence[str],
        given: Mapping[str, str],
        digest: str,
    ) -> Response[Any]:
        labels = {field.name: field.label for field in self.kind.fields}
        return render_page(
            "admin/catalogue_change.html",
            layout,
            kind=self.kind,
            root=self.kind.root,
            row=row,
            changes=[FieldChange(labels[name], row[name], after) for name, after in changed.items()],
            effects=effects,
            given=given,
            digest=digest,
        )

    async def status_page(
        self, request: AnyRequest, layout: PageLayout, given: Sequence[str], status: str
    ) -> Response[Any]:
        tenant = current_tenant()
        ids, status = self.read_status_change(given, status)
        async with connection() as db:
            rows = await db.fetch(
                f"""
                SELECT * FROM {tenant.schema}.{self.kind.table} WHERE id = ANY($1::uuid[])
                ORDER BY lower(name), id
                """,
                ids,
            )
            changing = [row for row in rows if row["status"] != status]
            effects = await status_effects(db, tenant, self.kind, changing, status)
        if not rows:
            raise Problem(404, f"{self.kind.label.capitalize()} not found.")
        return render_page(
            "admin/catalogue_status.html",
            layout,
            kind=self.kind,
            root=self.kind.root,
            back=self.back_of(request, rows[0] if len(rows) == 1 else None),
            rows=changing,
            unchanged=len(rows) - len(changing),
            to=status,
            verb=VERBS[status],
            effects=effects,
        )

    def read_status_change(self, given: Sequence[str], status: str) -> tuple[list[UUID], str]:
        """Raises Problem 400."""
        ids = sorted({id_ for id_ in map(parse_uuid, given) if id_})
        if status not in self.kind.statuses:
            raise Problem(400, f"Choose one of: {', '.join(self.kind.statuses)}.", title="Bad Request")
        if not ids:
            raise Problem(400, f"Select the {self.kind.plural} to change.", title=f"No {self.kind.label} selected")
        if len(ids) > MAX_ROWS_AT_ONCE:
            raise Problem(400, f"Select at most {MAX_ROWS_AT_ONCE} {self.kind.plural}.", title="Bad Request")
        return ids, status


def linking_advertiser(request: AnyRequest) -> UUID | None:
    """The advertiser whose page linked to this form: the parameter `advertiser`."""
    return parse_uuid(request.query_params.get("advertiser", ""))


def back_to_advertiser(request: AnyRequest) -> tuple[str, str] | None:
    """The URL and title of the page of `linking_advertiser`."""
    advertiser = linking_advertiser(request)
    return (f"/staff/advertisers/{advertiser}", "Advertiser") if advertiser else None


def parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def read_new_id(form: Form, errors: dict[str, str]) -> UUID:
    """The id that was entered, or else the one that the form came with. Adds to `errors`."""
    given = form["id"].strip()
    id_ = parse_uuid(given or form["new_id"])
    if id_ is None:
        errors["id"] = "Enter an ID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, or leave it empty."
    return id_ or uuid4()


def change_digest(row: Record, changed: FieldValues) -> str:
    """Identifies the changes that a preview shows."""
    return blake2b(repr([(name, row[name], value) for name, value in changed.items()]).encode()).hexdigest()[:32]

"""Notes, each tenant's in a schema of its own.

PICCOLO_CONF=examples.notes.piccolo_conf uvicorn examples.notes.app:app
curl http://www.localhost:8000/tenants --json '{"slug": "acme", "name": "Acme"}'
curl http://acme.localhost:8000/notes --json '{"text": "Hello"}'
curl http://acme.localhost:8000/notes
"""

import msgspec
from litestar import Litestar, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException

from core.errors import GokartError
from examples.notes.tables import Note
from tenants.lifecycle import create_tenant
from tenants.migrations import migrate_platform
from tenants.plugin import TenantsPlugin
from tenants.tenant import Tenant


class NewTenant(msgspec.Struct):
    slug: str
    name: str


class NewNote(msgspec.Struct):
    text: str


class NoteList(msgspec.Struct):
    tenant: str
    notes: list[str]


@post("/tenants")
async def sign_up(data: NewTenant) -> NewTenant:
    """Creates the tenant's schema and runs its migrations."""
    try:
        await create_tenant(data.slug, data.name)
    except GokartError as error:
        raise ClientException(str(error)) from error
    return data


@post("/notes")
async def add_note(data: NewNote) -> NewNote:
    await Note.insert(Note(text=data.text))
    return data


@get("/notes")
async def list_notes(tenant: NamedDependency[Tenant]) -> NoteList:
    notes = await Note.select(Note.text).order_by(Note.id).output(as_list=True)
    return NoteList(tenant.name, notes)


app = Litestar([sign_up, add_note, list_notes], plugins=[TenantsPlugin()], on_startup=[migrate_platform])

"""Only the bound tenant's tables can be reached."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from piccolo.columns import Varchar
from piccolo.query.methods.create_index import CreateIndex

from auth.api_keys.tables import ApiKey
from catalog.tables import Advertiser, Offer, Partner
from database.transactions import transaction
from settings import PROJECT
from tenants import lifecycle
from tenants.tenant import NoTenantError, Tenant, TenantTable, bound_to, current_tenant, schema_of
from tests.support.app_calls import run

pytestmark = pytest.mark.usefixtures("platform")


@pytest.fixture(scope="module")
def pair() -> tuple[Tenant, Tenant]:
    async def work() -> tuple[Tenant, Tenant]:
        return await a_tenant(), await a_tenant()

    return run(work)


async def a_tenant() -> Tenant:
    slug = f"t{uuid4().hex[:12]}"
    return await lifecycle.create_tenant(slug, f"{slug} Media")


def an_advertiser(name: str = "Somebody") -> Advertiser:
    return Advertiser(id=uuid4(), name=name, created_at=datetime.now(UTC))


def offer_record(advertiser: UUID, name: str) -> dict[str, Any]:
    return {"id": uuid4(), "advertiser": advertiser, "name": name}


QUERIES: dict[str, Callable[[], Any]] = {
    "select": Advertiser.select,
    "select of a column": lambda: Offer.select(Offer.name).where(Offer.name == "x"),
    "join": lambda: Offer.select(Offer.name, Offer.advertiser.name),
    "join in where": lambda: Offer.select(Offer.name).where(Offer.advertiser.name == "x"),
    "objects": Advertiser.objects,
    "objects with a related one": lambda: Offer.objects(Offer.advertiser),
    "one": lambda: Advertiser.objects().get(Advertiser.name == "x"),
    "get or create": lambda: Advertiser.objects().get_or_create(Advertiser.name == "x"),
    "count": Advertiser.count,
    "exists": lambda: Advertiser.exists().where(Advertiser.name == "x"),
    "insert": lambda: Advertiser.insert(an_advertiser()),
    "update": lambda: Advertiser.update({Advertiser.name: "x"}, force=True),
    "delete": lambda: Advertiser.delete(force=True),
    "save": lambda: an_advertiser().save(),
    "alter": lambda: ApiKey.alter().drop_column(ApiKey.name),
    "drop": lambda: Advertiser.alter().drop_table(),
    "create table": Advertiser.create_table,
    "create index": lambda: CreateIndex(Advertiser, ["name"]),
}


@pytest.mark.parametrize("name", QUERIES)
def test_sql_without_a_tenant_is_an_error(name: str) -> None:
    async def work() -> None:
        await QUERIES[name]()

    with pytest.raises(NoTenantError):
        run(work)


@pytest.mark.parametrize("name", [name for name in QUERIES if name not in {"create table", "drop", "alter", "save"}])
def test_sql_names_the_schema_of_the_bound_tenant(pair: tuple[Tenant, Tenant], name: str) -> None:
    for tenant in pair:
        with bound_to(tenant):
            query = QUERIES[name]()
            texts = " ".join(map(str, getattr(query, "querystrings", None) or [query]))
        assert re.findall(r'"(t_\w+)"\.', texts)
        assert set(re.findall(r'"(t_\w+)"\.', texts)) == {tenant.schema}


def test_the_binding_ends_with_its_block(pair: tuple[Tenant, Tenant]) -> None:
    first, second = pair
    with bound_to(first):
        with pytest.raises(ZeroDivisionError), bound_to(second):
            _ = 1 / 0
        assert current_tenant() is first
    with pytest.raises(NoTenantError):
        current_tenant()


def test_interleaved_tasks_never_see_another_tenants_rows(pair: tuple[Tenant, Tenant]) -> None:
    async def whole() -> None:
        await asyncio.gather(*(work_as(pair[number % 2], Random(number)) for number in range(100)))

    run(whole)


async def work_as(tenant: Tenant, random: Random) -> None:
    """Reads and writes concurrently, and checks that each row found is named for the tenant."""

    async def insert() -> None:
        advertiser = an_advertiser(tenant.slug)
        await Advertiser.insert(advertiser)
        await Offer.raw(
            f"INSERT INTO {Offer._meta.get_formatted_tablename()} (id, advertiser, name) VALUES ({{}}, {{}}, {{}})",
            *offer_record(advertiser.id, tenant.slug).values(),
        )

    async def select() -> None:
        assert {row["name"] for row in await Advertiser.select(Advertiser.name)} <= {tenant.slug}

    async def join() -> None:
        rows = await Offer.select(Offer.name, Offer.advertiser.name)
        assert {text for row in rows for text in row.values()} <= {tenant.slug}

    async def objects() -> None:
        assert {offer.advertiser.name for offer in await Offer.objects(Offer.advertiser)} <= {tenant.slug}

    async def update() -> None:
        rows = await Partner.update({Partner.name: tenant.slug}, force=True).returning(Partner.id)
        assert [row["id"] for row in rows] == [tenant.id]

    async def delete() -> None:
        async with transaction():
            victim = an_advertiser(tenant.slug)
            await Advertiser.insert(victim)
            await asyncio.sleep(0)
            await Advertiser.delete().where(Advertiser.id == victim.id)
            assert not await Advertiser.exists().where(Advertiser.id == victim.id)

    deeds: list[Callable[[], Awaitable[None]]] = [insert, select, join, objects, update, delete]
    for deed in random.choices(deeds, k=6):
        with bound_to(tenant):
            await deed()
        await asyncio.sleep(0)


def test_a_task_keeps_the_tenant_that_it_was_started_with(pair: tuple[Tenant, Tenant]) -> None:
    async def whole() -> list[UUID]:
        async def late() -> UUID:
            await asyncio.sleep(0)
            (row,) = await Partner.select(Partner.id)
            id_: UUID = row["id"]
            return id_

        tasks = []
        for tenant in pair:
            with bound_to(tenant):
                tasks.append(asyncio.create_task(late()))
        return await asyncio.gather(*tasks)

    assert run(whole) == [tenant.id for tenant in pair]


def test_a_tenant_table_rejects_a_fixed_schema() -> None:
    with pytest.raises(TypeError, match="takes its schema from the bound tenant"):
        type("Elsewhere", (TenantTable,), {"name": Varchar()}, schema="elsewhere")
    with pytest.raises(TypeError, match="takes its schema from the bound tenant"):
        Advertiser._meta.schema = "elsewhere"


def python_files() -> Iterator[Path]:
    for path in PROJECT.rglob("*.py"):
        if not any(part.startswith(".") for part in path.relative_to(PROJECT).parts):
            yield path


def test_no_query_is_frozen() -> None:
    frozen = re.compile(r"(?<!gc)\.freeze" + r"\(\)")
    assert [str(path) for path in python_files() if frozen.search(path.read_text())] == [
        str(PROJECT / "tenants" / "tenant.py")  # the docstring of TenantTable forbids it
    ]


@pytest.mark.parametrize("slug", ["a", "demo", "a-b", "a1", "x" * 60, "pg-catalog", "public"])
def test_a_slug_becomes_a_safe_schema_name(slug: str) -> None:
    schema = schema_of(slug)
    assert re.fullmatch(r"t_[a-z0-9_]{1,60}", schema)
    assert schema == f"t_{slug.replace('-', '_')}"


@pytest.mark.parametrize(
    "slug",
    ["", "A", "1a", "-a", "a-", "a_b", "a.b", "a b", "a\n", "é", "x" * 61, 'a"; DROP SCHEMA public; --', "a'", "\x00"],
)  # fmt: skip
def test_any_other_slug_is_rejected(slug: str) -> None:
    with pytest.raises(ValueError, match="a tenant's name is 1 to 60 of"):
        schema_of(slug)

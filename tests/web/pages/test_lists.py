"""Lists on pages: every row is on one page, in order, whichever way one pages and sorts."""

import asyncio
from collections.abc import Iterator
from urllib.parse import parse_qsl

import asyncpg
import pytest
from litestar.testing import RequestFactory

from database.engine import database_url
from web.pages.lists import ListPage, ListRequest, Sort, read_list_page, read_list_request
from web.problems import Problem

SORTS = {"name": Sort("name"), "size": Sort("coalesce(size, 0)", "bigint", descending=True)}
ROWS = "(VALUES (1, 'a', 5), (2, 'b', NULL), (3, 'b', 5), (4, 'c', 7), (5, 'd', NULL)) AS row (id, name, size)"


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def page_of(runner: asyncio.Runner, query: str) -> tuple[ListRequest, ListPage]:
    asked = read_list_request(RequestFactory().get("/list", query_params=query_of(query)), SORTS, ["name"])

    async def work() -> ListPage:
        db = await asyncpg.connect(database_url())
        try:
            where = "$1::text IS NULL OR name = $1"
            name = asked.filters.get("name")
            return await read_list_page(
                db, asked, "id", ROWS, [name], where=f"({where})", id_="id", id_type="int", size=2
            )
        finally:
            await db.close()

    return asked, runner.run(work())


def query_of(url: str) -> dict[str, str | list[str]]:
    return dict(parse_qsl(url.partition("?")[2]))


def ids(page: ListPage) -> list[int]:
    return [row["id"] for row in page.rows]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("name", [1, 2, 3, 4, 5]), ("-name", [5, 4, 3, 2, 1]), ("-size", [4, 3, 1, 5, 2]), ("size", [2, 5, 1, 3, 4])],
)
def test_paging_forwards_and_back_shows_every_row_once(runner: asyncio.Runner, sort: str, order: list[int]) -> None:
    seen: list[int] = []
    url: str | None = f"/list?sort={sort}"
    pages = []
    while url:
        pages.append(url)
        page = page_of(runner, url)[1]
        seen += ids(page)
        url = page.older
    assert seen == order
    back = page_of(runner, pages[-1])[1]
    before = page_of(runner, back.newer or "")[1]
    assert ids(before) == order[2:4]
    first = page_of(runner, before.newer or "")[1]
    assert ids(first) == order[:2]
    assert first.newer is None


def test_a_filter_stays_when_the_sort_order_changes(runner: asyncio.Runner) -> None:
    asked, page = page_of(runner, "/list?name=b")
    assert (ids(page), page.older) == ([2, 3], None)
    assert asked.sort_url("size") == "/list?name=b&sort=-size"
    assert asked.sort_url("name") == "/list?name=b&sort=-name"
    assert asked.url(name="") == "/list"


def test_a_place_of_another_list_is_refused(runner: asyncio.Runner) -> None:
    with pytest.raises(Problem, match="row"):
        page_of(runner, "/list?sort=size&after=x&row=1")


def test_an_unknown_sort_order_is_the_usual_one(runner: asyncio.Runner) -> None:
    assert ids(page_of(runner, "/list?sort=nothing")[1]) == [1, 2]

"""Work that a server process repeats in the background."""

import asyncio

import pytest

from core.background import run_every


def test_a_running_call_ends_before_the_last_one() -> None:
    async def main() -> list[str]:
        calls, begun = [], asyncio.Event()

        async def work() -> None:
            begun.set()
            await asyncio.sleep(0.2)
            calls.append("ended")

        async def at_end() -> None:
            calls.append("at the end")

        async with run_every(0.01, work, at_end):
            await begun.wait()
        return calls

    assert asyncio.run(main()) == ["ended", "at the end"]


def test_it_is_called_once_at_the_end() -> None:
    async def main() -> list[str]:
        calls = []

        async def work() -> None:
            calls.append("called")

        async with run_every(60, work):
            assert not calls
        return calls

    assert asyncio.run(main()) == ["called"]


def test_the_last_call_is_made_after_an_error_too() -> None:
    ended = []

    async def main() -> None:
        failed = asyncio.Event()

        async def work() -> None:
            failed.set()
            raise RuntimeError("the first call")

        async def at_end() -> None:
            ended.append(True)

        async with run_every(0.01, work, at_end):
            await failed.wait()

    with pytest.raises(RuntimeError, match="the first call"):
        asyncio.run(main())
    assert ended

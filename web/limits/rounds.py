"""Limits that hold over all processes, at the price of few questions to the store.

A process borrows requests of a limit, a share of what is left, and makes them without asking. What it has not used
within two ticks goes back, and so do the places of requests that are no longer under way; meanwhile another process may
find less than there is, so where that is possible it looks again before it refuses. So a limit is not exceeded, but by
what comes back to it during these ticks.

One round at a time carries everybody's questions. Where a round fails, the store is away: each process then counts for
itself, beginning with what it knew to be left, until the store answers again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import msgspec
import structlog

from core.background import run_in_background
from web.limits.stores import HELD_FOR, Answer, Ask, Store, in_words

TICK = 0.04
PAUSES = (0, 0.01, 0.04, 0.06)  # before it looks, and looks again; together longer than two ticks
REFUSED_FOR = 0.1  # a limit that is used up is not asked about again, or a flood would reach the store
PATIENCE = 1.0  # with a round; after that the store is away
RETRY = 1.0
TIDY_EVERY = 60.0
MOST_ASKS = 200  # in a round
FEW_PLACES = 4  # below that, a process gives each back at once
PROBE = Ask("probe", rate=1, burst=1, most=0, back=0, held=0, want=0)  # a store may answer, and yet not count

log = structlog.get_logger()


class Purse(msgspec.Struct, eq=False):
    """What this process knows and has of one limit. Times are of the monotonic clock."""

    key: str
    level: float  # left at the store; where each process counts for itself, left here
    at: float  # then
    rate: float = 1
    burst: int = 1
    most: int = 0  # at a time; 0: not counted
    under_way: int = 0
    tokens: int = 0  # borrowed
    held: int = 0  # places, of which `under_way` are in use
    peak: int = 0  # of `under_way`, since the last tick
    wanted: int = 0  # by those who wait for the next round
    lent: bool = False  # another process may give some back
    settled_at: float = 0
    refused_until: float = 0

    def covers(self) -> bool:
        """One more request."""
        return self.tokens > 0 and (self.most == 0 or self.under_way < self.held)

    def refill(self) -> None:
        now = monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now

    def ask(self) -> Ask:
        """Everything that is not in use goes back, and what is wanted is asked for."""
        back, want = self.tokens, self.wanted
        self.tokens = self.wanted = 0
        self.held = self.peak = self.under_way
        return Ask(self.key, self.rate, self.burst, self.most, back, self.held, want)

    def tick(self, now: float) -> Ask | None:
        """What was borrowed before the last one goes back, and so do places that were not in use since then. Those in
        use are renewed before they expire.
        """
        keep, self.peak = max(self.peak, self.under_way), self.under_way
        age = now - self.settled_at
        if keep == self.held and not (self.tokens and age >= TICK) and not (keep and age >= HELD_FOR / 3):
            return None
        back, self.tokens = self.tokens, 0
        self.held = keep
        return Ask(self.key, self.rate, self.burst, self.most, back, keep, 0)

    def take_in(self, answer: Answer) -> None:
        self.tokens += answer.tokens
        self.held += answer.taken
        self.level, self.lent = answer.level, answer.lent
        self.at = self.settled_at = monotonic()

    def keep_for_itself(self) -> None:
        """The store is away: what was borrowed is spent like the rest."""
        self.level += self.tokens
        self.tokens = self.held = self.wanted = 0


class Rounds:
    """This process's business with the store."""

    def __init__(self, store: Store) -> None:
        self.away = True  # until it runs
        self._store = store
        self._asking: dict[Purse, None] = {}
        self._out: dict[Purse, None] = {}  # those that have something of the store's
        self._wake = asyncio.Event()
        self._done = asyncio.Event()  # after the next round
        self._next_tick = self._next_tidying = 0.0

    async def cover(self, purse: Purse) -> bool:
        """Sees to it that the purse covers one more request, where the limit allows it. False: the store is away."""
        if self.away:
            return False
        if purse.covers() or monotonic() < purse.refused_until:
            return True
        for pause in PAUSES:
            await asyncio.sleep(pause)
            if not await self._ask(purse):
                return False
            if purse.covers():
                return True
            if purse.level < 1 and not purse.lent:
                break
        due_in = (1 - purse.level) / purse.rate if purse.level < 1 else REFUSED_FOR
        purse.refused_until = monotonic() + min(REFUSED_FOR, due_in)
        return True

    def hold(self, purse: Purse) -> None:
        """One more is under way."""
        purse.peak = max(purse.peak, purse.under_way)
        self._out[purse] = None

    def release(self, purse: Purse) -> None:
        """One less."""
        purse.refused_until = 0
        if purse.most < FEW_PLACES and not self.away:
            self._asking[purse] = None
            self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For the duration of the block; gives everything back at its end."""
        self.away = False
        self._wake.set()  # a first round, which connects
        try:
            async with run_in_background(self._run()):
                yield
            await self._give_back()
        finally:
            self.away = True
            await self._store.close()

    async def _ask(self, purse: Purse) -> bool:
        """Returns after the next round. False: the store is away."""
        if self.away or purse.covers():
            return not self.away
        purse.wanted += 1
        self._asking[purse] = self._out[purse] = None
        self._wake.set()
        await self._done.wait()
        return not self.away

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, self._next_tick - monotonic()) if self._out else None):
                    await self._wake.wait()
            self._wake.clear()
            done, self._done = self._done, asyncio.Event()
            try:
                await self._round()
            except Exception as error:  # noqa: BLE001  # of whatever kind: requests go on without the store
                done.set()
                await self._go_on_without(error)
            finally:
                done.set()
            await asyncio.sleep(0)  # whoever has waited takes what was granted before the next round gives it back

    async def _round(self) -> None:
        asking, self._asking = self._asking, {}
        asks = [(purse, purse.ask()) for purse in asking]
        now = monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK
            for purse in self._out.keys() - asking.keys():
                ask = purse.tick(now)
                if ask is not None:
                    asks.append((purse, ask))
                elif not purse.tokens and not purse.held:
                    del self._out[purse]
        await self._settle(asks)
        if now >= self._next_tidying:
            async with asyncio.timeout(PATIENCE):
                more = await self._store.tidy()
            self._next_tidying = now + (RETRY if more else TIDY_EVERY)

    async def _settle(self, asks: list[tuple[Purse, Ask]]) -> None:
        for start in range(0, len(asks), MOST_ASKS):
            some = asks[start : start + MOST_ASKS]
            async with asyncio.timeout(PATIENCE):
                answers = await self._store.settle([ask for _, ask in some])
            for (purse, _), answer in zip(some, answers, strict=True):
                purse.take_in(answer)

    async def _give_back(self) -> None:
        for purse in self._out:
            purse.under_way = purse.wanted = 0
        try:
            await self._settle([(purse, purse.ask()) for purse in self._out])
        except Exception as error:  # noqa: BLE001  # of whatever kind: what is held expires by itself
            log.warning("places were not given back", error=in_words(error))

    async def _go_on_without(self, error: Exception) -> None:
        """Returns when the store answers again."""
        self.away = True
        log.warning("each process counts limits for itself, as their store is away", error=in_words(error))
        for purse in self._out:
            purse.keep_for_itself()
        self._out = {purse: None for purse in self._out if purse.under_way}
        self._asking.clear()
        self._done.set()  # for whoever has asked since the round began
        self._done = asyncio.Event()
        while self.away:
            await self._store.close()
            await asyncio.sleep(RETRY)
            with suppress(Exception):
                async with asyncio.timeout(PATIENCE):
                    await self._store.settle([PROBE])
                self.away = False
        log.warning("limits are counted over all processes again")

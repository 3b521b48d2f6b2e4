"""Intake over HTTP. Checks at the end that every event and conversion was counted exactly once."""

import asyncio
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event as Stop

import asyncpg
import msgspec
import psutil

from bench.callbacks import CALLBACKS, Callbacks
from bench.clients import Load, ask, postmaster, wrk
from bench.data import WHOLE, Filled, filled, restore
from bench.events import BATCH, LATE, LIVE, Events, EventTiming, body, event_columns, event_row, send_batches
from bench.reports import MONTH, PATH
from bench.results import Row, Side, at_least, at_most, plain, ratio
from bench.rounds import alternate
from bench.serving import Server, serving
from core.errors import GokartError
from database.engine import database_url

METHOD = """NDJSON, 5,000 events per call, into the tenant with 7.3 million daily rows; each sender sends one call after
the other. *Live traffic*: a call has the events of one second, at 500 pairs of an offer and a partner. *Late*, and all
other rows: a call has the events of ten minutes, at 20,000 pairs; a few pairs have most events. *Bare COPY*: asyncpg
copies the same rows, already decoded, in one statement into an empty table with the ledger's columns and key. *Insert*:
what a call does to the ledger alone, `unnest` with `ON CONFLICT DO NOTHING`, with lists of values already decoded,
which asyncpg encodes, into a table with the ledger's columns and key and as many rows as the ledger. *Conversions*: a
call has 1,000 callbacks, half of them new conversions of 20 days, half another status of earlier ones, which the
history keeps. CPU-seconds include the server process and PostgreSQL. Reports are not cached. A fifth of the four
senders' events are sent by two of them; only new events count. At the end, the ledger and the roll-ups are compared
with the number of accepted events, and the roll-ups with that of conversions whose last status is Success."""

CALLS = 12  # per round
CONVERSION_CALLS = 10
SENDERS, CALLS_EACH, SHARED = 4, 5, BATCH // 5
READERS_SECONDS = 2
CALLS_DURING_READS = 60  # more than a sender can send in READERS_SECONDS


LIKE_LEDGER = """
CREATE TABLE IF NOT EXISTS bench_ledger (LIKE {s}.event);
CREATE UNIQUE INDEX IF NOT EXISTS bench_ledger_id_idx ON bench_ledger (id);
"""
FILL_LEDGER = """
INSERT INTO bench_ledger SELECT gen_random_uuid(), '2025-03-01', 1, 1, false FROM generate_series(1, $1) ORDER BY 1
"""
INSERT_ALONE = """
INSERT INTO bench_ledger (id, occurred_at, offer, partner, is_click)
SELECT id, to_timestamp(seconds), offer, partner, is_click
FROM unnest($1::uuid[], $2::float8[], $3::int[], $4::int[], $5::bool[]) AS t (id, seconds, offer, partner, is_click)
ORDER BY id
ON CONFLICT DO NOTHING
"""


class IntakeRun(msgspec.Struct, frozen=True):
    events: int
    seconds: float
    cpu: float = 0

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    intake = IntakeBenchmark(tenant)
    try:
        with serving(answers_remembered="0") as server:
            intake.server = server
            sent = alternate(
                {
                    "live": lambda: intake.one_sender(LIVE),
                    "late": lambda: intake.one_sender(LATE),
                    "copy": intake.bare_copy,
                    "insert": intake.bare_insert,
                    "conversions": intake.conversions,
                },
                options.rounds,
            )
            senders = alternate({"four": intake.four_senders, "one": intake.one_sender_as_many}, options.rounds)
            reports = alternate({"busy": intake.read_while_sending, "quiet": intake.read}, options.rounds)
        intake.check()
    finally:
        ask(database_url(), "DROP TABLE IF EXISTS bench_ledger")
        asyncio.run(restore(tenant.tenant.schema))

    def rates(name: str, runs: dict[str, list[IntakeRun]], label: str = "") -> Side:
        return Side([run.rate for run in runs[name]], "/s", label)

    def p99(name: str, label: str = "") -> Side:
        return Side([load.p99 for load in reports[name]], "ms", label)

    return [
        *(
            measured
            for name, label, of_insert in (
                ("live", "one sender, live traffic", 0.5),
                ("late", "one sender, late", 0.35),
            )
            for measured in (
                ratio(label, at_least(0.25), rates(name, sent), rates("copy", sent, "bare COPY")),
                ratio("the same", at_least(of_insert), rates(name, sent), rates("insert", sent, "insert")),
                plain(
                    "the same, per CPU-second",
                    at_least(50_000, "/s"),
                    [each.events / each.cpu for each in sent[name]],
                    "/s",
                ),
            )
        ),
        plain(
            "conversions, per CPU-second",
            at_least(20_000, "/s"),
            [each.events / each.cpu for each in sent["conversions"]],
            "/s",
        ),
        ratio(
            "p99 of 8 clients' reports during intake from one sender", at_most(3), p99("busy"), p99("quiet", "without")
        ),
        ratio("four senders at once", at_least(1.6), rates("four", senders), rates("one", senders, "one sender")),
    ]


class IntakeBenchmark:
    """Sends events, and counts how many of them the ledger must have at the end."""

    server: Server

    def __init__(self, tenant: Filled) -> None:
        self.tenant = tenant
        self.events = Events(tenant.tenant.schema)
        self.callbacks = Callbacks(tenant.tenant.schema)
        self.accepted = 0

    def one_sender(self, shape: EventTiming) -> IntakeRun:
        return self.timed([[body(self.events.batch(shape)) for _ in range(CALLS)]])

    def one_sender_as_many(self) -> IntakeRun:
        """Sends as many new events as four senders do."""
        return self.timed([[body(self.events.batch(size=BATCH - SHARED)) for _ in range(SENDERS * CALLS_EACH)]])

    def four_senders(self) -> IntakeRun:
        """The last events of each call are also sent by another sender."""
        own = [[self.events.batch(size=BATCH - SHARED) for _ in range(CALLS_EACH)] for _ in range(SENDERS)]
        following = own[1:] + own[:1]
        return self.timed(
            [
                [body(lines + more[:SHARED]) for lines, more in zip(mine, others, strict=True)]
                for mine, others in zip(own, following, strict=True)
            ],
            SENDERS * CALLS_EACH * (BATCH - SHARED),
        )

    def conversions(self) -> IntakeRun:
        bodies = [self.callbacks.batch() for _ in range(CONVERSION_CALLS)]
        started, cpu = time.perf_counter(), self.cpu()
        accepted = send_batches(self.server, self.tenant, bodies, kind="conversions")
        run = IntakeRun(accepted, time.perf_counter() - started, self.cpu() - cpu)
        if accepted != CONVERSION_CALLS * CALLBACKS:
            raise GokartError(f"{accepted} of {CONVERSION_CALLS * CALLBACKS} callbacks were accepted")
        return run

    def timed(self, of_senders: list[list[bytes]], new: int | None = None) -> IntakeRun:
        started, cpu = time.perf_counter(), self.cpu()
        with ThreadPoolExecutor(len(of_senders)) as pool:
            accepted = sum(pool.map(lambda bodies: send_batches(self.server, self.tenant, bodies), of_senders))
        seconds = time.perf_counter() - started
        if new is not None and accepted != new:
            raise GokartError(f"{accepted} of {new} events were accepted")
        self.accepted += accepted
        return IntakeRun(accepted, seconds, self.cpu() - cpu)

    def cpu(self) -> float:
        """CPU-seconds of the server process and of PostgreSQL, including backends that have ended."""
        database = postmaster(database_url())
        seconds = 0.0
        for process in [self.server.process, database, *database.children()]:
            with suppress(psutil.NoSuchProcess):
                seconds += sum(process.cpu_times()[:2])
        return seconds + sum(database.cpu_times()[2:4])

    def bare_copy(self) -> IntakeRun:
        rows = [event_row(event) for _ in range(CALLS) for event in self.events.batch()]

        async def work() -> IntakeRun:
            db = await asyncpg.connect(database_url())
            try:
                await db.execute(
                    f"""
                    DROP TABLE IF EXISTS bench_copy;
                    CREATE TABLE bench_copy (LIKE {self.tenant.tenant.schema}.event);
                    CREATE UNIQUE INDEX ON bench_copy (id);
                    """
                )
                started = time.perf_counter()
                await db.copy_records_to_table("bench_copy", records=rows)
                return IntakeRun(len(rows), time.perf_counter() - started)
            finally:
                await db.execute("DROP TABLE IF EXISTS bench_copy")
                await db.close()

        return asyncio.run(work())

    def bare_insert(self) -> IntakeRun:
        """Into a table with as many rows as the ledger."""
        calls = [event_columns(self.events.batch()) for _ in range(CALLS)]

        async def work() -> IntakeRun:
            db = await asyncpg.connect(database_url())
            try:
                await db.execute(LIKE_LEDGER.format(s=self.tenant.tenant.schema))
                missing = self.accepted - await db.fetchval("SELECT count(*) FROM bench_ledger")
                await db.execute(FILL_LEDGER, missing, timeout=600)
                started = time.perf_counter()
                for columns in calls:
                    await db.execute(INSERT_ALONE, *columns)
                return IntakeRun(CALLS * BATCH, time.perf_counter() - started)
            finally:
                await db.close()

        return asyncio.run(work())

    def read(self) -> Load:
        return wrk(self.server.address(PATH + MONTH), self.tenant.reading, seconds=READERS_SECONDS)

    def read_while_sending(self) -> Load:
        bodies, stop = [body(self.events.batch()) for _ in range(CALLS_DURING_READS)], Stop()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send_batches, self.server, self.tenant, bodies, stop)
            try:
                return self.read()
            finally:
                stop.set()
                self.accepted += sending.result()

    def check(self) -> None:
        """Checks that the ledger and the roll-ups have each accepted event once. Raises GokartError."""
        schema = self.tenant.tenant.schema
        counted = {"the ledger has": f"SELECT count(*) FROM {schema}.event"} | {
            f"{table} counts": f"SELECT sum(clicks + views) FROM {schema}.{table} WHERE bucket >= '2025-01-01'"
            for table in ("by_quarter", "by_hour", "by_day", "by_month")
        }
        for what, sql in counted.items():
            (number,) = ask(database_url(), sql)[0]
            if number != self.accepted:
                raise GokartError(f"{self.accepted} events were accepted, and {what} {number}")
        sql = f"SELECT sum(conversions) FROM {schema}.{{}} WHERE bucket >= '2025-01-01'"
        for table in ("by_quarter", "by_hour", "by_day", "by_month"):
            ((number,),) = ask(database_url(), sql.format(table))
            if number != self.callbacks.successful:
                raise GokartError(f"{self.callbacks.successful} conversions were successful, and {table} has {number}")

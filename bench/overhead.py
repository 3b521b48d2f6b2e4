"""The overhead of a request: tenant lookup, API key, rate limits, compression, log."""

from argparse import Namespace
from contextlib import ExitStack
from functools import partial
from statistics import median

from bench.apps import EMPTY
from bench.clients import Load, wrk
from bench.data import WHOLE, filled
from bench.results import Row, Side, at_most, plain, ratio
from bench.rounds import alternate, short
from bench.serving import serving_app

METHOD = """The time per request of an empty handler behind the guards and middleware of a report, minus that of the
same handler alone, served with the same options and with its log in a file."""


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    with ExitStack() as stack:
        bare, guarded = stack.enter_context(serving_app("bare")), stack.enter_context(serving_app("guarded"))
        results = alternate(
            {
                (name, connections): partial(wrk, server.address(EMPTY), headers, connections)
                for connections in (8, 1)
                for name, server, headers in (("bare", bare, {}), ("guarded", guarded, tenant.reading))
            },
            options.rounds,
        )
    return [
        *(overhead_row(results["guarded", n], results["bare", n], n) for n in (8, 1)),
        ratio(
            "the same, against the time of the handler alone, 1 connection",
            at_most(0.4),
            Side(added_times(results["guarded", 1], results["bare", 1]), "ms"),
            Side([1000 / load.rate for load in results["bare", 1]], "ms", "alone"),
        ),
    ]


def added_times(guarded: list[Load], bare: list[Load]) -> list[float]:
    """Milliseconds per request."""
    return [1000 / ours.rate - 1000 / theirs.rate for ours, theirs in zip(guarded, bare, strict=True)]


def overhead_row(guarded: list[Load], bare: list[Load], connections: int) -> Row:
    added = added_times(guarded, bare)
    rates = [f"{short(median(load.rate for load in loads))} /s" for loads in (guarded, bare)]
    return Row(
        f"tenant lookup, API key, rate limits and log, {connections} connection{'s' if connections > 1 else ''}",
        str(at_most(0.15, "ms")),
        plain("", None, added, "ms").measured,
        rates[0],
        f"alone {rates[1]}",
        at_most(0.15, "ms").met(median(added)),
    )

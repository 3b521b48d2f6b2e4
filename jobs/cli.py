"""gokart tasks"""

from datetime import datetime, timedelta

import click

from core.cli_support import console, print_table
from jobs.runs import State, states
from jobs.tasks import TASKS
from settings import settings
from tenants.commands import run_command


@click.command()
def tasks() -> None:
    """Show the periodic tasks, their last runs and failures. The server processes do them."""
    known = run_command(lambda: states(timedelta(seconds=settings.tasks_every)))
    rows = [[name, task.summary, *told(known.get(name))] for name, task in TASKS.items()]
    print_table(["task", "what it does", "last run", "outcome", "next"], rows, "")
    for name, state in known.items():
        if name in TASKS and state.failed_at:
            text = f"{name} failed last at {at(state.failed_at)}, {state.error}"
            console.print(text, soft_wrap=True, markup=False, highlight=False)


def told(state: State | None) -> tuple[str, str, str]:
    """When it began, what came of it, and when it is next due."""
    if state is None or state.started_at is None:
        return "never", "", "as soon as a server runs"
    done = f"{state.tenants} tenants"
    if state.failures:
        done += f", {state.failures} failed"
    if state.running:
        return at(state.started_at), f"under way, {done} so far", ""
    if state.interrupted:
        return at(state.started_at), f"interrupted, {done} so far", "as soon as a server runs"
    assert state.ended_at is not None, "it is not under way"
    assert state.next_at is not None, "it has begun"
    took = (state.ended_at - state.started_at).total_seconds()
    return at(state.started_at), f"{done}, in {took:.1f} s", at(state.next_at)


def at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"

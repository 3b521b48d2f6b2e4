"""gokart jobs"""

from datetime import datetime, timedelta

import click

from core.cli_support import console, print_table
from jobs.definitions import JOBS
from jobs.runs import JobStatus, job_statuses
from settings import settings
from tenants.commands import run_command


@click.command()
def jobs() -> None:
    """Show the background jobs with their last runs and failures. The server processes run them."""
    statuses = run_command(lambda: job_statuses(timedelta(seconds=settings.tasks_every)))
    rows = [[name, job.summary, *describe_run(statuses.get(name))] for name, job in JOBS.items()]
    print_table(["job", "what it does", "last run", "outcome", "next run"], rows, "")
    for name, status in statuses.items():
        if name in JOBS and status.failed_at:
            text = f"{name} last failed at {format_time(status.failed_at)}: {status.error}"
            console.print(text, soft_wrap=True, markup=False, highlight=False)


def describe_run(status: JobStatus | None) -> tuple[str, str, str]:
    """The start and the outcome of the last run, and when the job is due next."""
    when_served = "as soon as a server runs"
    if status is None or status.started_at is None:
        return "never", "", when_served
    outcome = f"{status.tenants} tenants"
    if status.failures:
        outcome += f", {status.failures} failed"
    if status.running:
        return format_time(status.started_at), f"running, {outcome} so far", ""
    if status.interrupted:
        return format_time(status.started_at), f"interrupted, {outcome} so far", when_served
    assert status.ended_at is not None, "the run is over"
    assert status.next_at is not None, "the job has run"
    seconds = (status.ended_at - status.started_at).total_seconds()
    return format_time(status.started_at), f"{outcome}, in {seconds:.1f} s", format_time(status.next_at)


def format_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"

"""`make chaos`: random faults for ten minutes, or for MINUTES, with a random SEED or a given one."""

import random
import sys
from pathlib import Path

import click

from tests.chaos.deployment import running_deployment
from tests.chaos.run import RECOVERY, Result, run
from tests.chaos.traffic import Traffic


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long faults are injected, for each seed.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Repeats a run; may be given several times.")
@click.option("--recovery", default=RECOVERY, show_default=True, help="Seconds until everything must work again.")
@click.option("--logs", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Keeps the servers' logs.")
def main(minutes: float, seeds: tuple[int, ...], recovery: float, logs: Path | None) -> None:
    """Inject random faults under concurrent intake and reads, and compare all reports with a model."""
    failed = False
    for seed in seeds or (random.SystemRandom().randrange(10**6),):
        click.echo(f"seed {seed}")
        with running_deployment() as deployment:
            traffic = Traffic(deployment, seed)
            try:
                result = run(deployment, traffic, minutes=minutes, recovery=recovery, tell=tell)
            finally:
                if logs:
                    for app in deployment.apps:
                        (logs / f"{seed}-{app.log.name}").write_bytes(app.log.read_bytes())
        click.echo(summary(result))
        failed |= bool(result.violations)
    sys.exit(failed)


def tell(line: str) -> None:
    click.echo(f"  {line}")


def summary(result: Result) -> str:
    faults = ", ".join(f"{name} {count}" for name, count in sorted(result.faults.items()))
    outcomes = ", ".join(f"{name} {count:,}" for name, count in result.outcomes.most_common())
    lines = [
        f"  {len(result.recoveries)} rounds with faults: {faults}",
        *(f"  skipped: {name} ({why})" for name, why in result.skipped.items()),
        f"  records: {result.records:,}; responses: {outcomes}",
        f"  slowest recovery: {max(result.recoveries, default=0):.1f} s",
        f"  reports compared with the model: {result.reports:,}",
        f"  violations: {len(result.violations)}",
        *(f"    {each}" for each in result.violations),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""A short run of the chaos suite. `make chaos` runs it for as long as wanted."""

from collections.abc import Iterator

import pytest

from tests.chaos.deployment import Deployment, running_deployment
from tests.chaos.run import run, verify
from tests.chaos.traffic import Traffic
from tests.support.wait import GUARD

SEED = 1
ROUNDS = 4


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with running_deployment() as running:
        yield running


def test_among_random_faults_nothing_is_lost_or_counted_twice(deployment: Deployment) -> None:
    traffic = Traffic(deployment, SEED)
    result = run(deployment, traffic, rounds=ROUNDS, recovery=GUARD)
    assert result.violations == []
    assert result.records > 0
    assert result.reports > 0

    # The comparison finds a lost record.
    schema = f"t_{deployment.tenants[0].slug}"
    deployment.execute(f"DELETE FROM {schema}.event WHERE id = (SELECT id FROM {schema}.event LIMIT 1)")
    verify(deployment, traffic)
    assert len(traffic.violations) == 1

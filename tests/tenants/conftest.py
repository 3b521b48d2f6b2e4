import pytest

from tenants.commands import run_command
from tenants.migrations import migrate_platform


@pytest.fixture(scope="session")
def platform() -> None:
    """Creates the platform's tables, for tests without a server."""
    run_command(migrate_platform)

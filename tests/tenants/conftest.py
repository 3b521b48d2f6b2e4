import pytest

from tenants.migrations import migrate_platform
from terminal import run


@pytest.fixture(scope="session")
def platform() -> None:
    """The platform's tables, for tests that need no server."""
    run(migrate_platform)

"""A sandbox for tests that change nothing in it."""

import httpx
import pytest

from tests.support.sandbox import Sandbox, create_sandbox


@pytest.fixture(scope="module")
def sandbox_of_module(http: httpx.Client) -> Sandbox:
    return create_sandbox(http)

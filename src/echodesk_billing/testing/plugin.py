"""The pytest plugin: fixtures `bog_sandbox` and `billing`, and what they need is imported when they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from echodesk_billing.sync import Billing
    from echodesk_billing.testing.sandbox import Sandbox


@pytest.fixture(scope="session")
def _bog_sandbox() -> Iterator[Sandbox]:
    from echodesk_billing.testing.sandbox import Sandbox  # noqa: PLC0415

    with Sandbox() as bank:
        yield bank


@pytest.fixture
def bog_sandbox(_bog_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The simulated bank, without orders: `pay`, `advance`, `fault`."""
    yield _bog_sandbox
    _bog_sandbox.reset()


@pytest.fixture
def billing(bog_sandbox: Sandbox, tmp_path: Path) -> Iterator[Billing]:
    """The blocking library on a new database, with the demo catalogue and the simulated bank."""
    from echodesk_billing.testing.sandbox import open_billing  # noqa: PLC0415

    with open_billing(bog_sandbox, tmp_path) as library:
        yield library

"""The Django project of the tests, set up in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, prepare

T = TypeVar("T")


@define
class Project:
    """The Django project, set up in this process; Django works on threads."""

    environment: dict[str, str]
    bank: Bank

    async def do(self, work: Callable[[], T]) -> T:
        """Run blocking code of the project as one of its threads would."""
        return await asyncio.to_thread(work)

    def user(self, name: str, **more: Any) -> Any:
        """A user of the project."""
        from django.contrib.auth import get_user_model

        return get_user_model().objects.create_user(name, f"{name}@acme.example", "x", **more)

    def browser(self, host: str, user: Any = None, **more: Any) -> Any:
        """A browser at a host, signed in as a user."""
        from django.test import Client

        client = Client(headers={"host": host}, **more)
        if user is not None:
            client.force_login(user)
        return client


@asynccontextmanager
async def running_project(bank: Bank, workspace: Path) -> AsyncIterator[Project]:
    """The project with tables of its own, while the block runs."""
    environment = await service_environment(bank, f"sqlite:///{workspace}/django.sqlite3", Signer())
    settings = load_settings(environment)
    async with open_container(settings) as container:
        await prepare(container, settings)
    before = dict(os.environ)
    os.environ.update(environment, CRM_DATABASE=str(workspace / "crm.sqlite3"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.integration.django_project.settings"
    import django
    from django.core.management import call_command

    django.setup()
    await asyncio.to_thread(call_command, "migrate", verbosity=0)
    yield Project(environment, bank)
    from echodesk_billing.django import billing

    await asyncio.to_thread(billing().close)
    os.environ.clear()
    os.environ.update(before)

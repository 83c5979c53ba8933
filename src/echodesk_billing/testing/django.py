"""For Django's `TestCase`: billing of the project on the simulated bank."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.test import override_settings

from echodesk_billing.django import access, runtime
from echodesk_billing.django.conf import NAME
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.testing.sandbox import Sandbox


class BillingTestMixin:
    """`class BuyingTest(BillingTestMixin, TestCase)`: `self.bank` is the simulated bank, `self.billing` the library.

    Billing has a SQLite file of its own, which lives as long as the class; calls inside `atomic()` are allowed.
    """

    bank: Sandbox
    billing: runtime.Billing
    _open: ExitStack

    @classmethod
    def setUpClass(cls) -> None:
        """Start the bank, and billing with it."""
        cls._open = ExitStack()
        cls.bank = cls._open.enter_context(Sandbox())
        folder = cls._open.enter_context(tempfile.TemporaryDirectory())
        settings: dict[str, Any] = {
            **cls.bank.environment,
            "DATABASE_URL": f"sqlite:///{Path(folder)}/billing.sqlite3",
            "ALLOW_ATOMIC": True,
            "ACCESS_CACHE_SECONDS": 0,
        }
        cls._open.enter_context(override_settings(**{NAME: settings}))
        runtime.runtime.cache_clear()
        cls.billing = runtime.runtime().billing
        cls._open.callback(runtime.runtime.cache_clear)
        cls._open.callback(cls.billing.close)
        cls.billing.load_catalogue(read_catalogue(packaged("demo_catalogue.toml")))
        cls.bank.hear = cls.billing.receive_callback
        access.forget()
        super().setUpClass()  # type: ignore[misc]  # of TestCase

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop both."""
        super().tearDownClass()  # type: ignore[misc]  # of TestCase
        cls._open.close()

    def advance(self, by: timedelta | float) -> None:
        """Advance the clock of bank and billing, and do what became due."""
        self.bank.advance(by)
        self.billing.renew()
        access.forget()

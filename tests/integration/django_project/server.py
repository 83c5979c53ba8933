"""gunicorn, which loads the project and then forks: `python -m tests.integration.django_project.server`."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.integration.django_project.settings")

from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication

application = get_wsgi_application()


class Server(BaseApplication):  # type: ignore[misc]
    """One forked worker with threads: limits are counted per process."""

    def load_config(self) -> None:
        """The settings of gunicorn."""
        self.cfg.set("bind", f"127.0.0.1:{os.environ['BILLING_PORT']}")
        self.cfg.set("threads", 16)
        self.cfg.set("preload_app", True)
        self.cfg.set("when_ready", ready)

    def load(self) -> Any:
        """The application."""
        return application


def ready(_server: Any) -> None:
    print("ready", flush=True)  # noqa: T201


if __name__ == "__main__":
    Server().run()

"""Runs `echodesk-billing` as a terminal would, without paying for a new interpreter each time.

`python -m tests.integration.forge` has everything imported. For each line of JSON on its standard input (arguments,
environment, folder, output file) it forks; the child becomes the program: its own environment, folder and output, and
the exit code that `main` gives. `{"pid": …}` answers each line, in order; `{"pid": …, "code": …}` is printed when a
child ends, negative for a signal.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any

PRELOADED = (
    "alembic.command",
    "aiosmtplib",
    "aiosmtpd.controller",
    "asyncpg",
    "echodesk_billing.adapters.jobs.queue",
    "echodesk_billing.adapters.sql.migrations.running",
    "echodesk_billing.entrypoints.cli.main",
    "echodesk_billing.entrypoints.demo.dev",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.ext.asyncio",
    "uvloop",
)


def child(order: dict[str, Any]) -> int:
    """Become the program; gives its exit code."""
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 64)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["echodesk-billing", *order["arguments"]]
    for name in [one for one in sys.modules if ".entrypoints.cli." in one or one.endswith("echodesk_billing.logs")]:
        del sys.modules[name]  # they look at the terminal when they are imported
    from echodesk_billing.entrypoints.cli.main import main  # noqa: PLC0415

    try:
        main()
    except SystemExit as end:
        code = end.code
        return code if isinstance(code, int) else int(code is not None)
    except KeyboardInterrupt:
        return 130
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Take orders until standard input ends; then nothing is left alive."""
    for name in PRELOADED:
        __import__(name)  # this is what costs
    ended, wakeup = socket.socketpair()
    for one in (ended, wakeup):
        one.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    selector.register(ended, selectors.EVENT_READ)
    alive: set[int] = set()
    rest = b""
    while True:
        for key, _ in selector.select():
            if key.fileobj is ended:
                ended.recv(4096)
                reap(alive)
                continue
            read = os.read(0, 1 << 20)
            if not read:
                signal.set_wakeup_fd(-1)
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                alive.add(pid := fork(json.loads(line)))
                say({"pid": pid})


def fork(order: dict[str, Any]) -> int:
    """The pid of a child that becomes the program."""
    pid = os.fork()
    if pid:
        return pid
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = child(order)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def reap(alive: set[int]) -> None:
    """Tell which children have ended."""
    for pid in list(alive):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            alive.discard(pid)
            say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def say(message: dict[str, int]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    serve()

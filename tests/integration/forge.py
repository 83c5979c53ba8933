"""Runs `echodesk-billing` commands as a terminal would, without paying for a new interpreter each time.

`python -m tests.integration.forge` has everything imported. For each line of JSON on its standard input (arguments,
environment, folder, output file) it forks; the child becomes the command: its own environment, folder and output, and
the exit code that `main` gives. One line with that code is printed back.
"""

from __future__ import annotations

import json
import os
import sys
import traceback


def child(order: dict[str, object]) -> int:
    """Become the command; gives its exit code."""
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    os.chdir(str(order["folder"]))
    output = os.open(str(order["output"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["echodesk-billing", *order["arguments"]]  # type: ignore[misc]
    for name in [one for one in sys.modules if ".entrypoints.cli." in one or one.endswith("echodesk_billing.logs")]:
        del sys.modules[name]  # they look at the terminal when they are imported
    from echodesk_billing.entrypoints.cli.main import main  # noqa: PLC0415

    try:
        main()
    except SystemExit as end:
        code = end.code
        return code if isinstance(code, int) else int(code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Take orders until standard input ends."""
    import echodesk_billing.entrypoints.cli.main  # noqa: F401, PLC0415 - this is what costs

    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            code = child(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()

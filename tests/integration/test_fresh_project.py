"""docs/django.md in a new environment and a new project, by its own commands, with the wheel."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tests.integration.parts import ROOT, clean_environment, free_port, running_bank, start_shell
from tests.integration.test_docs import blocks, commands_in, run

PAGE = (ROOT / "docs" / "django.md").read_text().partition("## Try it in a new project")[2].partition("\n## ")[0]
INSTALL_WITHIN_SECONDS = 300
OLDEST_DJANGO = "django==4.2.*"  # other tests have the newest, and Django REST framework


async def build_and_install(folder: Path, command: str) -> dict[str, str]:
    """Build the wheel and install it by the page's command in a new environment; gives the variables of its shell."""
    scripts = Path(sys.executable).parent
    here = clean_environment({})
    await run(f"{sys.executable} -m build --wheel --no-isolation --outdir {folder}/dist {ROOT}", here, folder)
    await run(f"{scripts}/uv venv --quiet --python {sys.executable} {folder}/venv", here, folder)
    shell = clean_environment({"PATH": f"{folder}/venv/bin:{here['PATH']}", "VIRTUAL_ENV": f"{folder}/venv"})
    shell.pop("DJANGO_SETTINGS_MODULE", None)
    pinned = re.findall(r"^[\w.-]+==[^\\\n]+", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    kept = [line for line in pinned if not line.startswith("django==")]
    (folder / "constraints.txt").write_text("\n".join([*kept, OLDEST_DJANGO]))
    find = f"{scripts}/uv pip install --quiet --find-links {folder}/dist --constraint {folder}/constraints.txt"
    await run(command.replace("pip install", find), shell, folder, INSTALL_WITHIN_SECONDS)
    return shell


async def test_a_new_project_takes_a_payment_with_the_commands_of_the_page(tmp_path: Path) -> None:
    (install, start_project, sandbox), prepare, (buy, look) = map(commands_in, blocks(PAGE, "console"))
    shell = await build_and_install(tmp_path, install)
    assert sandbox == "python -m bog_sandbox"
    async with running_bank(tmp_path / "bank.log") as bank:
        port = free_port()

        def here(text: str) -> str:
            return text.replace("http://127.0.0.1:8081", bank.url).replace("127.0.0.1:8000", f"127.0.0.1:{port}")

        await run(start_project, shell, tmp_path)
        for file, block in zip(("settings.py", "urls.py"), blocks(PAGE, "python"), strict=True):
            with (tmp_path / "crm" / file).open("a") as code:
                code.write(here(block))
        (tmp_path / "catalogue.toml").write_text(blocks(PAGE, "toml")[0])
        printed = [await run(here(command), shell, tmp_path) for command in prepare[:-1]]
        shell["TOKEN"] = token_in(printed[-1])
        assert prepare[-1] == "python manage.py runserver"
        serve = f"{prepare[-1]} --noreload 127.0.0.1:{port}"
        server = await start_shell(tmp_path / "server.log", shell, serve, tmp_path)
        try:
            await server.listening(port)
            order = json.loads(await run(here(buy), shell, tmp_path))
            assert order["amount"] == 147.0
            paid = await bank.orders(order["order_id"])
            await bank.pay(paid[0]["order_id"])
            assert await bank.answered(paid[0]["order_id"]) == [200]
            subscription = json.loads(await run(here(look), shell, tmp_path))
            assert subscription["subscription"]["is_active"]
        finally:
            await server.stop()


def token_in(printed: str) -> str:
    """The token in what `token create` printed."""
    found = re.search(r"^(?:token: )?([\w-]{30,})$", printed, re.MULTILINE)
    assert found is not None, printed
    return found[1]

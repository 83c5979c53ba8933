"""`catalogue`: publish and show the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.cli.terminal import OPERATOR, AsJson, run_command, show, table_of

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="The price list.")


@commands.command("load")
def catalogue_load(file: Path, as_json: AsJson = False) -> None:
    """Publish a catalogue from a TOML or JSON file."""

    async def work(container: Container, _settings: Settings) -> None:
        loaded = await container.load_catalogue().load(read_catalogue(file), by=OPERATOR.name)
        value = {"version": loaded.version, "packages": len(loaded.packages), "features": len(loaded.features)}
        show(value, lambda: f"Version {loaded.version} is on sale: {len(loaded.packages)} packages", as_json=as_json)

    run_command(work)


@commands.command("show")
def catalogue_show(as_json: AsJson = False) -> None:
    """Show the catalogue."""

    async def work(container: Container, _settings: Settings) -> None:
        catalogue = await container.views().catalogue()

        def table() -> Table:
            table = table_of("id", "name", "model", "prices a month")
            for package in catalogue.packages:
                prices = ", ".join(str(price) for price in package.prices.values())
                table.add_row(str(package.id), package.display_name, package.pricing_model, prices)
            for feature in catalogue.features:
                prices = ", ".join(str(price) for price in feature.prices_per_seat.values())
                table.add_row(feature.key, feature.name, "per seat", prices)
            return table

        show(catalogue, table, as_json=as_json)

    run_command(work)

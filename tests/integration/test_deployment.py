"""The files for running it in production: each is checked with what can be had without a container engine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

import echodesk_billing.entrypoints.http.metrics
from echodesk_billing import load_settings
from echodesk_billing.adapters.telemetry import metrics
from tests.integration.parts import ROOT, clean_environment

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
PATHS = {"/opt/billing": "opt/billing", "/opt/uv": "opt/uv", "/build": "build"}


def exposed() -> set[str]:
    """The names of all metrics of ours."""
    assert metrics
    assert echodesk_billing.entrypoints.http.metrics
    names = set()
    for metric in prometheus_client.REGISTRY.collect():
        if metric.name.startswith("billing_"):
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(metric.type, [""])
            names |= {metric.name + suffix for suffix in suffixes}
    return names


def asked(expression: str) -> set[str]:
    """The metrics of ours in an expression of PromQL."""
    return set(re.findall(r"\bbilling_\w+", re.sub(r'"[^"]*"', "", expression)))


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "ops/prometheus/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_ask_for_metrics_that_exist_and_lead_to_the_runbook() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    sections = set(re.findall(r"^## (\w+)$", runbook, re.MULTILINE))
    known = exposed()
    for rule in rules():
        assert asked(rule["expr"]) <= known, rule["alert"]
        assert rule["alert"] in sections
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert sections == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("name", ["money", "operations"])
def test_dashboards_ask_for_metrics_that_exist(name: str) -> None:
    dashboard = json.loads((ROOT / f"ops/grafana/{name}.json").read_text())
    known = exposed()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert asked(target["expr"]), panel["title"]
            assert asked(target["expr"]) <= known, panel["title"]


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    for metric in prometheus_client.REGISTRY.collect():
        if metric.name.startswith("billing_"):
            assert f"`{metric.name}" in page, metric.name


def instructions(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile."""
    _, _, rest = DOCKERFILE.partition(f" AS {stage}\n")
    own = rest.partition("\nFROM ")[0]
    lines = [line for line in own.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_hadolint_accepts_the_dockerfile() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_command_of_the_dockerfile_runs_in_a_clean_directory(tmp_path: Path) -> None:
    """Without a container engine: paths are moved below a folder, and the commands run as they are."""

    def moved(text: str) -> str:
        for path, place in PATHS.items():
            text = text.replace(path, str(tmp_path / place))
        return text

    folder = tmp_path / "build"
    folder.mkdir()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name, value in instructions("build"):
        if name == "COPY":
            *sources, target = value.split()
            for source in sources:
                assert any(source.startswith(line[1:]) for line in ignored if line.startswith("!")), source
                place = Path(moved(target)) if target.startswith("/") else folder / target
                made = place / Path(source).name if target.endswith("/") else place
                made.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-r", ROOT / source, made], check=True)
        elif name == "RUN":
            done = subprocess.run(["sh", "-c", moved(value)], cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
    environment = clean_environment({"PATH": f"{tmp_path}/opt/billing/bin:/usr/bin:/bin", "BILLING_LOG_LEVEL": "error"})
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/b.sqlite3"
    settings = dict(instructions("run"))
    entry, default = (json.loads(settings[name]) for name in ("ENTRYPOINT", "CMD"))
    for arguments in (["--version"], [*default, "--help"], ["work", "--help"], ["migrate"], ["sandbox", "--help"]):
        done = subprocess.run(
            [*entry, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)
    assert settings["USER"] == "10001:10001"
    check = json.loads(settings["HEALTHCHECK"].partition("CMD ")[2])
    done = subprocess.run(
        [moved(part) for part in check],
        env={**environment, "BILLING_PORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "port 1" in done.stderr) == (1, True)


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_compose_starts_what_exists_in_an_order_that_ends() -> None:
    all_services = services()
    ours = {name: one for name, one in all_services.items() if one.get("build") == "."}
    assert {name for name, one in all_services.items() if name not in ours} == {
        "postgres",
        "mail",
        "prometheus",
        "grafana",
    }
    for name, one in ours.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert set(one.get("depends_on", {})) <= set(all_services), name
    for one in all_services.values():
        if "build" not in one:
            assert re.search(r":v?\d+\.\d+(\.\d+)?", one["image"]), one["image"]
        for volume in one.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source
    environment = {name: str(value) for name, value in ours["worker-1"]["environment"].items()}
    environment = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in environment.items()}
    environment |= {
        "BILLING_ENCRYPTION_KEYS": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
        "BOG_CALLBACK_PUBLIC_KEY": "",
    }
    assert load_settings(environment).work_port == 9090
    scraped = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for one in job["static_configs"] for target in one["targets"]}
    assert targets == {"service:8080", "worker-1:9090", "worker-2:9090"}


@pytest.mark.parametrize("unit", sorted(path.name for path in (ROOT / "ops/systemd").glob("*.service")))
def test_units_start_commands_that_exist(unit: str) -> None:
    text = (ROOT / "ops/systemd" / unit).read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, argument = shlex.split(command)
    assert (program, argument in ("serve", "work", "migrate")) == ("/opt/billing/bin/echodesk-billing", True)
    assert "User=billing" in text
    assert "NoNewPrivileges=yes" in text


def test_the_example_environment_has_only_settings_that_exist() -> None:
    lines = (ROOT / "ops/systemd/billing.env.example").read_text().splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    from echodesk_billing import Settings  # noqa: PLC0415

    assert names <= set(Settings.__struct_encode_fields__)

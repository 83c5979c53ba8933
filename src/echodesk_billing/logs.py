"""Logging: events with fields, secrets redacted."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

_SECRET_KEY = re.compile(r"secret|password|token|signature|authorization|card|cvv|payload|email", re.IGNORECASE)
_SAFE_KEYS = {"token_prefix", "event"}
_SECRET_VALUE = re.compile(
    r"(?i:(?:bearer|token|basic)\s+[A-Za-z0-9._~+/=-]{8,})"  # authorization headers
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+"  # JSON web tokens
    r"|\b(?:\d[ -]?){13,19}\b"  # card numbers
    r"|(?<=://)([^:/@\s]*):[^@\s]*(?=@)"  # passwords in addresses
)
HIDDEN = "[hidden]"


def redact(_logger: object, _method: str, fields: Any) -> Any:
    """Redact secrets, by key or by pattern."""
    for key, value in fields.items():
        if key not in _SAFE_KEYS and _SECRET_KEY.search(key):
            fields[key] = HIDDEN
        elif isinstance(value, str):
            fields[key] = _SECRET_VALUE.sub(HIDDEN, value)
    return fields


def configure_logs(log_format: str, level: str) -> None:
    """Write logs to standard error, as text or JSON lines: ours, and the warnings and errors of libraries.

    Args:
        log_format: `console` or `json`.
        level: the lowest level written: `debug`, `info`, `warning` or `error`.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    least = logging.getLevelNamesMapping()[level.upper()]
    first: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, redact, renderer]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger().setLevel(max(least, logging.WARNING))
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )

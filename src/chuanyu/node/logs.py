"""Logs: one JSON object a line, in var/<node>/logs/. Person numbers and secrets never reach a line."""

import logging
import logging.config
import re
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])")
# credentials in an address (postgresql://role:password@…) and key=value pairs inside a sentence
IN_TEXT = re.compile(r"(?i)(://[^:/\s\"]*:)[^@\s\"]+(?=@)|\b((?:password|secret|token)[=:]\s*)[^\s\",;]+")
SECRET_NAMES = re.compile(r"(?i)password|secret|token|totp|cookie|authorization|sealed|local_key|private")
BYTES_PER_FILE = 16 * 1024 * 1024
FILES_KEPT = 5


def redact(text: str) -> str:
    """`text` without 18-digit person numbers and without credentials."""
    return IN_TEXT.sub(lambda m: (m[1] or m[2]) + "[secret]", NUMBER.sub("[number]", text))


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: values under names that sound secret are replaced, at any depth."""
    return {name: "[secret]" if SECRET_NAMES.search(name) else _plain(value) for name, value in event.items()}


def configure(file: Path | None, *, node: str) -> None:
    """Send structlog and the standard logging to `file` as JSON lines; warnings and worse also to stderr. None: stderr only."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handlers: dict[str, dict[str, Any]] = {
        "stderr": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "json"}
    }
    if file and file.parent.is_dir():
        handlers["file"] = {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": file,
            "maxBytes": BYTES_PER_FILE,
            "backupCount": FILES_KEPT,
            "encoding": "utf-8",
            "delay": True,
            "formatter": "json",
        }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": lambda: _Lines(node, shared)}},
            "handlers": handlers,
            "root": {"handlers": list(handlers), "level": "INFO"},
            # the request log says the same with a trace id; Django's own line for a 404 adds nothing
            "loggers": {"django.request": {"level": "ERROR"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
        }
    )


class _Lines(structlog.stdlib.ProcessorFormatter):
    def __init__(self, node: str, shared: list[Any]) -> None:
        def place(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
            return {"node": node, **event}

        super().__init__(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                place,
                hide_secrets,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): "[secret]" if SECRET_NAMES.search(str(k)) else _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

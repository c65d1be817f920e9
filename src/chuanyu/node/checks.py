"""A Django system check: the services must be sound, or nothing starts."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.models)
def services(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Every rule of the service language, for every service folder; each finding with its file and line."""
    from chuanyu.core import checks

    return [
        Error(f"{problem.file}:{problem.line}: {problem.message}", id=f"services.{problem.code}")
        for problem in checks.check()
    ]

"""Django system checks: the plan is whole, and no service contradicts it."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from chuanyu.core.catalogue import CatalogueError, catalogue
from chuanyu.delivery.plan import FILE, PlanError, disagreements, load


@register("chuanyu")
def plan_is_whole(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: plan.yaml is not whole; E002: a service and the plan contradict each other."""
    try:
        plan = load()
    except PlanError as error:
        return [Error(problem, hint=f"Mend {FILE.name}.", id="delivery.E001") for problem in error.problems]
    try:
        services = catalogue()
    except CatalogueError:
        return []  # the catalogue's own check reports that
    return [
        Error(problem, hint=f"Mend the service's clause and leads, or {FILE.name}.", id="delivery.E002")
        for problem in disagreements(plan, services)
    ]

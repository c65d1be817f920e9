"""Django system checks: no address without a row in the access table, no row without an address; settlement accounts are whole."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver

from chuanyu.identity.roles import ACCESS, ROLES


def addresses(patterns: Sequence[URLPattern | URLResolver] | None = None) -> Iterator[tuple[str, str]]:
    """Every address of the URL configuration as (name with namespace, route); "" for one without a name."""
    yield from _walk(get_resolver().url_patterns if patterns is None else patterns, "", "")


@register(Tags.urls, Tags.security)
def access_is_complete(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: an address without a name; E002: without a row; E003: a row without an address; E004: an unknown role."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    found = list(addresses())
    problems = [
        Error(f"The address “{route}” has no name, so nobody may open it.", hint="Give it a name.", id="identity.E001")
        for name, route in found
        if not name
    ]
    names = {name: route for name, route in found if name}
    for name in sorted(names.keys() - ACCESS.keys()):
        problems.append(
            Error(
                f"“{name}” ({names[name]}) has no row in the access table, so nobody may open it.",
                hint=f'Add "{name}": <roles> to ACCESS in chuanyu/identity/roles.py.',
                id="identity.E002",
            )
        )
    for name in sorted(ACCESS.keys() - names.keys()):
        problems.append(
            Error(
                f"The access table has a row for “{name}”, which is no address.", hint="Remove it.", id="identity.E003"
            )
        )
    for name, roles in ACCESS.items():
        if roles - set(ROLES):
            problems.append(Error(f"“{name}”: unknown roles {sorted(roles - set(ROLES))}.", id="identity.E004"))
    return list(problems)


@register()
def settlement_accounts_are_whole(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """E005: what agencies.yaml declares as a bank account is none."""
    from chuanyu.identity import accounts  # reads models: only once the apps are ready

    try:
        accounts.read()
    except ValueError as error:
        return [Error(str(error), id="identity.E005")]
    return []


def _walk(patterns: Sequence[Any], namespace: str, prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner, route)
        else:
            yield (f"{namespace}{pattern.name}" if pattern.name else "", route)

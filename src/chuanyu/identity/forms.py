"""The second factor's forms. allauth forgets a used code after one period, but with a tolerance codes live longer."""

from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from django.core.cache import cache


def used_key(user_id: int, code: str) -> str:
    """Where the cache remembers that this user's code was used."""
    return f"identity.totp.used:{user_id}:{code}"


class _OnceOnly:
    """A TOTP code opens once, for as long as it could be valid."""

    user: Any
    authenticator: Authenticator

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP:
            lives = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
            digits = "".join(filter(str.isdigit, code))  # allauth ignores spaces and dashes too
            if not cache.add(used_key(self.user.pk, digits), 1, timeout=lives):
                raise get_adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(_OnceOnly, forms.AuthenticateForm):
    """After the password."""


class ReauthenticateForm(_OnceOnly, forms.ReauthenticateForm):
    """Before something delicate."""

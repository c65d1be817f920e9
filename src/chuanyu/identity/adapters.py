"""What allauth asks us: no public sign-up, redirects within this origin, second factors sealed by the vault."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from chuanyu.identity.access import visitor
from chuanyu.identity.models import User
from chuanyu.identity.vault import open_secret, seal_secret


class AccountAdapter(DefaultAccountAdapter):
    """Sign-ins are made by the node, never by visitors."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Only this origin: ALLOWED_HOSTS names other ports and hosts too, which allauth's own test would let pass."""
        request = context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Staff to their worklist, the office to its overview, residents to the front page."""
        if isinstance(request.user, User) and request.user.kind == User.Kind.STAFF:
            who = visitor(request)
            try:
                return reverse("portal:office" if who and "office" in who.roles else "portal:worklist")
            except NoReverseMatch:
                pass
        return resolve_url("/")


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: secrets are sealed at rest; staff can't remove theirs."""

    error_messages = {  # noqa: RUF012
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("验证码不正确或已经用过，请输入认证器当前显示的6位数字。"),
    }

    def encrypt(self, text: str) -> str:
        """Seal a TOTP key or the seed of recovery codes."""
        return seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open it again."""
        return open_secret(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Residents may go back to the password alone; staff may not."""
        return bool(authenticator.user.kind == User.Kind.RESIDENT)

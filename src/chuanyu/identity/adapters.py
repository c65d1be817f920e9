"""What allauth asks us: no public sign-up, redirects within this origin, guesses counted, second factors sealed by the vault."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.internal.ratelimit import get_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from chuanyu.identity import guessing
from chuanyu.identity.access import visitor
from chuanyu.identity.models import User
from chuanyu.identity.vault import open_secret, seal_secret


class AccountAdapter(DefaultAccountAdapter):
    """Sign-ins are made by the node, never by visitors; guessing at them is slow (`guessing`)."""

    error_messages = {  # noqa: RUF012
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": _("登录失败次数过多，请过5分钟再试。"),
    }

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises ValidationError when it is not this try's turn."""
        super().pre_authenticate(request, **credentials)
        if seconds := guessing.turn(request, _name(credentials)):
            self._rollback_login_failed_rl_usage()  # nothing was tried: it counts as no wrong password
            raise ValidationError(
                _("这个用户名近来输错密码太多，要隔一会儿才能试一次。请等 %(seconds)s 秒再试。") % {"seconds": seconds}
            )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password, or no such name."""
        guessing.failed(_name(credentials))

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        """Signed in, with the second factor where there is one: this browser is known from now on."""
        response = super().post_login(request, user, **more)
        guessing.remember(response, user)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What allauth counts a name's wrong passwords by: with the address, else anybody could shut anybody out."""
        return f"{get_ip(request)}:{_name(credentials)}"

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


def _name(credentials: dict[str, Any]) -> str:
    return guessing.name_of(str(credentials.get("username", "")))


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

"""Codes of sample users' second factors, at the keyboard instead of from a phone."""

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache

from chuanyu.identity.forms import used_key
from chuanyu.identity.models import User
from chuanyu.node.samples import totp_secret

PERIOD = 30  # seconds


def code(username: str) -> str:
    """A code that is valid now and was not used yet: each opens once. Waits for the next one if all were used."""
    user = User.objects.filter(username=username, kind=User.Kind.STAFF).first()
    if user is None:
        raise LookupError(f"no staff sign-in “{username}” at this node")
    secret = totp_secret(username)
    while True:
        early, now, late = sorted(yield_hotp_counters_from_time())
        for counter in (now, late, early):
            digits = format_hotp_value(hotp_value(secret, counter))
            if cache.get(used_key(user.pk, digits)) is None:
                return digits
        time.sleep(PERIOD - time.time() % PERIOD)

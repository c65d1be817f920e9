"""What the people of these tests sign in with."""

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXP"


def code(step: int = 0, secret: str = SECRET) -> str:
    """The code of the current 30 seconds (0), of those before (-1) or after (1)."""
    before, now, after = sorted(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(secret, {-1: before, 0: now, 1: after}[step])))

"""The Django app."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Label "identity": AUTH_USER_MODEL is "identity.User"."""

    name = "chuanyu.identity"
    label = "identity"
    verbose_name = "身份"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from chuanyu.identity import checks  # noqa: F401

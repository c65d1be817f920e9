"""The Django app."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """The plan itself: what it asks for and how far it is carried out."""

    name = "chuanyu.delivery"
    label = "delivery"
    verbose_name = "落实 Delivery"

    def ready(self) -> None:
        """Register the system checks."""
        from chuanyu.delivery import checks  # noqa: F401

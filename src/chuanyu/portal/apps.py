from django.apps import AppConfig
from django.conf import settings


class PortalConfig(AppConfig):
    name = "chuanyu.portal"
    label = "portal"
    verbose_name = "门户"

    def ready(self) -> None:
        """Whoever serves pages reads the services for the search before the first visitor comes."""
        if settings.PROCESS == "portal":
            from chuanyu.portal import finding

            finding.prime()

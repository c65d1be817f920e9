from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "chuanyu.portal"
    label = "portal"
    verbose_name = "门户"

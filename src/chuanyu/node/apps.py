"""The Django app of the node itself: error pages, its messages, and the check of every service folder."""

from django.apps import AppConfig


class NodeConfig(AppConfig):
    """No tables."""

    name = "chuanyu.node"
    label = "node"
    verbose_name = "节点"

    def ready(self) -> None:
        """Register the system check."""
        from chuanyu.node import checks  # noqa: F401

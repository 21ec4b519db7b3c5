"""One module a dashboard; each gives its `dashboard()`."""

from deploy.grafana.boards import basket, blind_spots, conferences, head_to_head, jobs, operations, topic

ALL = {
    "head-to-head": head_to_head.dashboard,
    "basket": basket.dashboard,
    "topic": topic.dashboard,
    "jobs": jobs.dashboard,
    "conferences": conferences.dashboard,
    "blind-spots": blind_spots.dashboard,
    "operations": operations.dashboard,
}

__all__ = ["ALL"]

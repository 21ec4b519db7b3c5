"""Imports every module that registers commands."""

from scheduler.cli import (
    cluster,
    collecting,
    demo,
    digest,
    first_run,
    importing,
    influx,
    keeping,
    marks,
    migrating,
    naming,
    papers,
    reading,
    running,
    setting_up,
    showing,
)

__all__ = [
    "cluster",
    "collecting",
    "demo",
    "digest",
    "first_run",
    "importing",
    "influx",
    "keeping",
    "marks",
    "migrating",
    "naming",
    "papers",
    "reading",
    "running",
    "setting_up",
    "showing",
]

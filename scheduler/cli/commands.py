"""Imports every module that registers commands."""

from scheduler.cli import (
    cluster,
    collecting,
    digest,
    first_run,
    importing,
    influx,
    keeping,
    marks,
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
    "digest",
    "first_run",
    "importing",
    "influx",
    "keeping",
    "marks",
    "naming",
    "papers",
    "reading",
    "running",
    "setting_up",
    "showing",
]

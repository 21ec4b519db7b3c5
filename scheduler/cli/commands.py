"""Imports every module that registers commands."""

from scheduler.cli import (
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

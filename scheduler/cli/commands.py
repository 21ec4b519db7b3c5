"""Imports every module that registers commands."""

from scheduler.cli import collecting, first_run, importing, influx, keeping, marks, naming, papers, reading, running, setting_up, showing

__all__ = [
    "collecting",
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

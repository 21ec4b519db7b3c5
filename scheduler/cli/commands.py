"""Imports every module that registers commands."""

from scheduler.cli import collecting, first_run, importing, influx, marks, naming, papers, reading, setting_up, showing

__all__ = ["collecting", "first_run", "importing", "influx", "marks", "naming", "papers", "reading", "setting_up", "showing"]

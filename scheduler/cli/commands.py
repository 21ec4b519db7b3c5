"""Imports every module that registers commands."""

from scheduler.cli import collecting, digest, first_run, importing, marks, naming, papers, reading, setting_up, showing

__all__ = ["collecting", "digest", "first_run", "importing", "marks", "naming", "papers", "reading", "setting_up", "showing"]

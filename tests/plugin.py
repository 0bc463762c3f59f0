"""How the processes of tests get the pytest plugin."""

from __future__ import annotations

from importlib.metadata import entry_points

INSTALLED = "convrun" in entry_points(group="pytest11").names
# What was installed before the plugin was there lacks its entry point; it is named then.
NAMED = () if INSTALLED else ("-p", "convrun.pytest_plugin")

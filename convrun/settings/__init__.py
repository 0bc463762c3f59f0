"""The settings of a project: where they are found, and what each takes."""

from convrun.settings.kinds import Jobs
from convrun.settings.loading import Defaults, NamedCheck, Settings, find_root, load

__all__ = ["Defaults", "Jobs", "NamedCheck", "Settings", "find_root", "load"]

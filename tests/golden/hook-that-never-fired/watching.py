def allow(tool, call):
    """Let every call pass."""


def note(tool, call, result):
    """Change nothing."""

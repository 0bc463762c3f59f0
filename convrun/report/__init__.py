"""Reports: pure functions of a RunResult that return text."""

"""A whole run: from what was prepared to a RunResult, in turn, in processes or in threads."""

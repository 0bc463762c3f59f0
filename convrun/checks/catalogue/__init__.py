"""The kinds of checks that convrun has: a file for each thought, loaded where a spec first names it."""

"""Recordings of other programs become specs and cassettes."""

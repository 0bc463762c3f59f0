"""Cassettes: what was recorded, how it is stored, matched, played and recorded."""

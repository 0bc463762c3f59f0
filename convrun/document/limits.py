"""What a document may be at most, so that reading one never takes the process down."""

DEPTH_LIMIT = 100  # mappings and lists within each other
ALIAS_LIMIT = 100_000  # values that aliases may add, counted as if they were written out
SIZE_LIMIT = 4_000_000  # characters of a file that a person writes
RECORDED_LIMIT = 200_000_000  # of a file that a tool wrote: a stock cassette of 400 turns has 58 million

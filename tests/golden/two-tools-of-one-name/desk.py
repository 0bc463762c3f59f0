def upper(text: str) -> str:
    """In capitals."""
    return text.upper()


def lower(text: str) -> str:
    return text.lower()

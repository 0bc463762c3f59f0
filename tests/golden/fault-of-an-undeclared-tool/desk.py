def upper(text: str) -> str:
    """In capitals."""
    return text.upper()

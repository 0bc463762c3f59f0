class City:
    name: str

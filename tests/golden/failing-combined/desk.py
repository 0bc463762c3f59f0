def weather(city: str) -> str:
    return "sunny"

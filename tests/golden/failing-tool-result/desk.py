def weather(city: str) -> dict:
    """Tell the weather."""
    return {"city": city, "sky": "sunny", "degrees": 18}


def recipe(dish: str) -> str:
    """Tell how a dish is made."""
    return "1. Boil the water.\n2. Add the pasta.\n3. Wait for nine minutes.\n4. Eat."


def table(seats: int) -> str:
    """Book a table."""
    raise RuntimeError("the tables are gone")

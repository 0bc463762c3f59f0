def weather(city: str, days: int = 1) -> dict:
    return {"city": city, "sun": days * 3}


def book(name: str, seats: int, wishes: list[str] = []) -> str:
    if seats > 8:
        raise ValueError("there are 8 seats")
    return f"booked for {name}"


def cancel(id: int) -> str:
    return "cancelled"

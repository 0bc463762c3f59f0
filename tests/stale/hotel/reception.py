"""What the concierge of the tests can do, and who watches."""

from __future__ import annotations

import dataclasses
from typing import Literal


def find_room(city: str, nights: int = 1, guests: int = 2, view: Literal["sea", "garden", "street"] = "sea") -> dict:
    """Look for a free room.

    Prices are in euros, for all nights and guests.
    """
    return {"city": city, "room": "214", "view": view, "price": 120 * nights, "guests": guests}


def book_table(place: str, time: str, guests: int = 2, quiet: bool = False) -> str:
    """Book a table in a restaurant."""
    return f"A table for {guests} at {place}, {time}{', in a quiet corner' if quiet else ''}."


def rent_bike(days: int, electric: bool = False) -> str:
    """Rent a bike to a guest."""
    return f"{'An electric' if electric else 'A'} bike for {days} days."


def with_tax(tool, call, result):
    """After a call: the price is that with the city tax."""
    return dataclasses.replace(result, output=result.output.replace('"price": 360', '"price": 378'))

"""The parcels on their way: what specs/parcel.yaml gives the model as a tool."""

PARCELS = {
    "RB-1042": {"place": "Lisbon", "state": "in delivery", "arrives": "Thursday"},
    "RB-1043": {"place": "Porto", "state": "held at customs", "arrives": "unknown"},
}


def track_parcel(number: str) -> dict[str, str]:
    """Return where a parcel is and when it arrives."""
    if number not in PARCELS:
        raise ValueError(f"no parcel has the number {number!r}")
    return PARCELS[number]

"""The rooms of a Japanese inn: the tool of specs/ryokan.yaml. Names, descriptions and results are in Japanese."""

from __future__ import annotations

ROOMS = {"京都": {"梅": 18_000, "竹": 24_000}, "金沢": {}}


def vacancies(町: str, 人数: int = 2) -> list[dict[str, object]]:  # noqa: N803, PLC2401  (the model speaks Japanese)
    """町の旅館で今夜泊まれる部屋と、一泊の料金（円）を返す。"""  # noqa: D415  (so ends a sentence there)
    return [{"部屋": room, "料金": price * 人数} for room, price in ROOMS.get(町, {}).items()]

"""A small library: the tools of specs/library.yaml."""

from __future__ import annotations

from pathlib import Path

import convrun

BOOKS = {
    "Ursula K. Le Guin": ["The Dispossessed", "The Lathe of Heaven"],
    "Italo Calvino": ["Invisible Cities"],
}


class Shelf(convrun.Toolbox):
    """The books and who has them. A Toolbox keeps its state for one conversation; the next one gets a fresh one."""

    def __init__(self, ledger: str) -> None:
        """Open the ledger, a text file with a line for each book that is lent."""
        self._ledger = Path(ledger)
        self._ledger.touch()

    def search(self, author: str) -> list[str]:
        """Return the titles by this author that are on the shelf."""
        lent = self._ledger.read_text(encoding="utf-8")
        return [title for title in BOOKS.get(author, []) if title not in lent]

    def lend(self, title: str, reader: str) -> str:
        """Lend a book to a reader and write it down."""
        if not any(title in titles for titles in BOOKS.values()):
            raise ValueError(f"no book is called {title!r}")
        with self._ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(f"{title}: {reader}\n")
        return f"{title} is lent to {reader} for four weeks"

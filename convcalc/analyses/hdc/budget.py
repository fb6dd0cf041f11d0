"""`Budget`: how long a search for rates goes on, and the lists of rates it yields (`Rates`)."""

from __future__ import annotations

from typing import TypeAlias

Rates: TypeAlias = tuple[int, ...]
STEPS = 20_000
"""How many partial lists a search tries before it says that it stopped."""
LISTS = 2000


class Budget:
    """Counts the partial lists tried and the lists found."""

    def __init__(self) -> None:
        self.steps, self.lists = STEPS, LISTS

    @property
    def spent(self) -> bool:
        """Whether the search has to stop."""
        return self.steps <= 0 or self.lists <= 0

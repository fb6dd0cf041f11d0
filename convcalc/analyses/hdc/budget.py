"""`Budget`: how long a search for rates goes on, and the lists of rates it yields (`Rates`)."""

from __future__ import annotations

from typing import TypeAlias

Rates: TypeAlias = tuple[int, ...]
STEPS = 20_000
"""How many partial lists a search tries before it says that it stopped."""
TRIALS = 200_000
"""How many rates it tries in them."""
LISTS = 2000


class Budget:
    """Counts the partial lists tried and the lists found."""

    def __init__(self) -> None:
        self.steps, self.trials, self.lists = STEPS, TRIALS, LISTS

    @property
    def spent(self) -> bool:
        """Whether the search has to stop."""
        return min(self.steps, self.trials, self.lists) <= 0

"""`Progress`: what is shown while rows are measured; `Silence` shows nothing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What is shown while rows are measured."""

    def begin(self, groups: int) -> None:
        """Say how many groups there are."""

    def show(self, text: str) -> None:
        """Say what is being done now."""

    def advance(self) -> None:
        """Count one group as done."""

    def announce(self, text: str) -> None:
        """Say something at once that is to stay."""

    def wait(self) -> None:
        """Take note that a moment has passed in which nothing was told."""


class Silence:
    """Progress that nobody watches."""

    def begin(self, groups: int) -> None:
        """Say nothing."""

    def show(self, text: str) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Count nothing."""

    def announce(self, text: str) -> None:
        """Say nothing."""

    def wait(self) -> None:
        """Say nothing."""

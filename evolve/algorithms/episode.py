"""What a policy has drawn, and how likely that was: all that it needs to learn from an individual later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """One draw: the place of each choice in its set, and the logarithm of its probability when it was drawn."""

    choices: tuple[int, ...]
    logs: tuple[float, ...]  # numbers of 32 bits

    def text(self) -> str:
        """As a proposal's memo."""
        # Nine digits are enough to get the same 32 bits back.
        return " ".join(f"{choice}:{log:.9g}" for choice, log in zip(self.choices, self.logs, strict=True))

    @classmethod
    def read(cls, text: str) -> Episode:
        """From a proposal's memo."""
        pairs = [pair.split(":") for pair in text.split()]
        return cls(tuple(int(choice) for choice, _ in pairs), tuple(float(log) for _, log in pairs))

"""Episodes: the choices that a policy draws for an individual, with their probabilities, for a later update."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """The choices of one genotype: indices into their sets, and the logarithms of their probabilities when drawn."""

    choices: tuple[int, ...]
    logs: tuple[float, ...]  # numbers of 32 bits

    def text(self) -> str:
        """Returns the episode as the memo of a proposal."""
        # Nine digits are enough to get the same 32 bits back.
        return " ".join(f"{choice}:{log:.9g}" for choice, log in zip(self.choices, self.logs, strict=True))

    @classmethod
    def read(cls, text: str) -> Episode:
        """Returns the episode of a memo that `text` has written."""
        pairs = [pair.split(":") for pair in text.split()]
        return cls(tuple(int(choice) for choice, _ in pairs), tuple(float(log) for _, log in pairs))

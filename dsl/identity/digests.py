"""Digests of texts, of which fingerprints are made."""

from __future__ import annotations

import hashlib

Hash = hashlib.blake2b


def digest(text: str) -> str:
    """Returns the hash of a text as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hashed(text: str) -> Hash:
    """Returns the hash of a text, to which more text can be added."""
    return hashlib.blake2b(text.encode(), digest_size=16)

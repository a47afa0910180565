"""Errors that people are told: a stable code, and a sentence in English that says what to do next.

The command line prints the sentence as it is. app/web/errors.py says it in the language of the
request, and gives each code its HTTP status.
"""

from __future__ import annotations

from typing import Any


def N_(text: str) -> str:
    """Marks a text for translation, and returns it as it is: whoever shows it translates it."""
    return text


class PublicError(Exception):
    """
    Attributes:
        code: for programs; it stays the same.
        message: the sentence, with places for values such as %(limit)g.
        values: by the names of their places.
    """

    code: str
    message: str

    def __init__(self, **values: Any):
        super().__init__(self.code)
        self.values = values

    def __str__(self) -> str:
        """The whole sentence, in English."""
        return self.message % self.values

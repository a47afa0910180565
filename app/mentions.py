"""Which objects a caption has to name, where someone says so."""

from __future__ import annotations

from collections.abc import Sequence

from app.captioning.constrained_search import MAX_CONSTRAINTS
from app.errors import N_, PublicError


class BadMention(PublicError):
    code = "bad_mention"
    message = N_("The model knows no object called “%(names)s”. Choose among: %(allowed)s.")


class TooManyMentions(BadMention):
    message = N_("These are too many objects to mention. Name %(most)s at most.")


class CannotMention(BadMention):
    message = N_(
        "The model “%(model)s” cannot be told what to mention. Leave “mention” out, or choose a "
        "model that detects objects, as kantu-2 does with KANTU_POINTING=on."
    )


def split_mention(text: str) -> tuple[str, ...]:
    """ "dog, Pizza,dog" are a dog and a pizza."""
    names = (name.strip().lower() for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def check_mention(names: Sequence[str], model: str, objects: Sequence[str]) -> None:
    """Raises BadMention where the model of that name, which knows these objects, cannot."""
    if not names:
        return
    if not objects:
        raise CannotMention(model=model)
    unknown = [name for name in names if name not in objects]
    if unknown:
        raise BadMention(names=", ".join(unknown), allowed=", ".join(objects))
    if len(names) > MAX_CONSTRAINTS:
        raise TooManyMentions(most=MAX_CONSTRAINTS)

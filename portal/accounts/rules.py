"""What makes a password too easy to guess. Pure."""

import re
from collections.abc import Collection, Sequence

MIN_LENGTH = 12
MAX_LENGTH = 1_024
"""Far above any sentence; a longer text only costs hashing time."""

_LEFT_OVER = 6
"""A password is more than known words if this much remains without them."""
_SHORTEST_WORD = 4
_LONGEST_BLOCK = 6
_FEWEST_DIFFERENT = 4
_TRAILING = re.compile(r"[\d\W_]+$")
_NO_LETTER_OR_DIGIT = re.compile(r"[\W_]+")
_LOOKALIKES = str.maketrans("0134578@$!", "oleastbasi")
_WALKS = tuple(
    walk
    for row in (
        "0123456789" * 3,
        "abcdefghijklmnopqrstuvwxyz" * 2,
        "qwertyuiopasdfghjklzxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "1q2w3e4r5t6y7u8i9o0p",
        "qazwsxedcrfvtgbyhnujmikolp",
    )
    for walk in (row, row[::-1])
)


def why_weak(
    password: str, *, about: Sequence[str], common: Collection[str]
) -> str | None:
    """Return what to change about a password, or None if it is good enough.

    Args:
        password: What somebody wants to sign in with.
        about: Words that anyone would try first: the e-mail address, the vendor's name.
        common: The passwords that everyone uses, in lower case.
    """
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters. A few unrelated words work well."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    lower = password.lower()
    if _is_common(lower, common) or _is_pattern(lower):
        return (
            "This password is one of the first that attackers try. "
            "Use a few unrelated words."
        )
    if _is_mostly(lower, about):
        return (
            "This password is made of your e-mail address or our name. "
            "Use a few unrelated words."
        )
    return None


def _is_common(lower: str, common: Collection[str]) -> bool:
    plain = lower.translate(_LOOKALIKES)
    forms = {lower, plain, _TRAILING.sub("", lower)}
    forms |= {_TRAILING.sub("", lower).translate(_LOOKALIKES)}
    forms |= {_NO_LETTER_OR_DIGIT.sub("", form) for form in tuple(forms)}
    return any(form in common for form in forms)


def _is_pattern(lower: str) -> bool:
    """Tell whether it is a row of keys, or one short block again and again."""
    if len(set(lower)) < _FEWEST_DIFFERENT or any(lower in walk for walk in _WALKS):
        return True
    return any(
        (lower[:size] * len(lower))[: len(lower)] == lower
        for size in range(1, _LONGEST_BLOCK + 1)
    )


def _is_mostly(lower: str, about: Sequence[str]) -> bool:
    left = plain = _NO_LETTER_OR_DIGIT.sub("", lower)
    for text in about:
        whole = _NO_LETTER_OR_DIGIT.sub("", text.lower())
        parts = _NO_LETTER_OR_DIGIT.split(text.lower())
        for word in sorted({whole, *parts}, key=len, reverse=True):
            if len(word) >= _SHORTEST_WORD:
                left = left.replace(word, "")
    return left != plain and len(left) < _LEFT_OVER


def may_change_role(*, is_self: bool, crosses_sides: bool) -> str | None:
    """Return why a role may not be changed, or None."""
    if is_self:
        return "Nobody changes their own role. Ask somebody else with this right."
    if crosses_sides:
        return "Staff stay staff and partners stay partners. Invite another address."
    return None

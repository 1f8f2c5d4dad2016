"""What answers from 0 to 10 say together: the Net Promoter Score.

Pure: no clock, no database.
"""

from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Final

HIGHEST_ANSWER: Final = 10
_PROMOTER_FROM: Final = 9
_PASSIVE_FROM: Final = 7
_HALF: Final = Fraction(1, 2)


class Attitude(StrEnum):
    """What an answer makes of somebody."""

    PROMOTER = "promoter"
    """9 or 10."""
    PASSIVE = "passive"
    """7 or 8."""
    DETRACTOR = "detractor"
    """0 to 6; 6 too."""


def attitude_of(answer: int) -> Attitude:
    """Return what an answer makes of somebody.

    Raises:
        ValueError: It is not an answer from 0 to 10.
    """
    if not 0 <= answer <= HIGHEST_ANSWER:
        raise ValueError(f"{answer} is not an answer from 0 to {HIGHEST_ANSWER}")
    if answer >= _PROMOTER_FROM:
        return Attitude.PROMOTER
    return Attitude.PASSIVE if answer >= _PASSIVE_FROM else Attitude.DETRACTOR


def promoter_score(answers: Iterable[int]) -> Fraction | None:
    """Return the promoters less the detractors, of a hundred answers.

    Those who are neither count as answers. Without answers there is no score, which
    is not the same as a score of 0.
    """
    attitudes = [attitude_of(answer) for answer in answers]
    if not attitudes:
        return None
    lead = attitudes.count(Attitude.PROMOTER) - attitudes.count(Attitude.DETRACTOR)
    return Fraction(100 * lead, len(attitudes))


def shown_score(answers: Iterable[int], *, least_answers: int = 5) -> int | None:
    """Return the score as people read it: a whole number, a half goes up.

    Args:
        answers: The answers.
        least_answers: With fewer, no score is shown: it would say who answered what.
    """
    known = list(answers)
    score = promoter_score(known)
    if score is None or len(known) < least_answers:
        return None
    return floor(score + _HALF)

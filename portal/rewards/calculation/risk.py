"""Signals that a referral may not be a real one. They flag; they never refuse."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from portal.programs.definition import Risk, RiskCheck, RiskSignal
from portal.rewards.calculation.facts import ReferralFact

_HOUR = timedelta(hours=1)
_TWO = 2


def mailbox(address: str) -> str:
    """Return the address without what follows a plus, in lower case."""
    name, _at, domain = address.lower().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _skeleton(address: str) -> str:
    """Return the mailbox without dots and digits, or whole if nothing were left."""
    name, _at, domain = mailbox(address).partition("@")
    bare = "".join(c for c in name if c != "." and not c.isdigit())
    return f"{bare or name}@{domain}"


def risk_of(signals: Sequence[RiskSignal]) -> Risk:
    """Return how much the signals say together.

    Offices share an internet address and sign up together, so such signals alone
    are never a high risk.
    """
    own = [signal for signal in signals if not signal.is_of_a_crowd]
    if own and len(signals) > 1:
        return Risk.HIGH
    return Risk.MEDIUM if signals else Risk.LOW


def signals_of(
    check: RiskCheck, facts: Iterable[ReferralFact]
) -> Mapping[str, tuple[RiskSignal, ...]]:
    """Return the signals of each fact, by its id; facts without any are left out.

    Args:
        check: What to look for.
        facts: In the order of their time.
    """
    by_referrer = defaultdict(list)
    for fact in facts:
        by_referrer[fact.referrer].append(fact)
    found: dict[str, list[RiskSignal]] = defaultdict(list)
    for signal in check.signals:
        for group in by_referrer.values():
            for fact in _FINDERS[signal](group, check.crowd_from):
                found[fact.id].append(signal)
    return {key: tuple(dict.fromkeys(signals)) for key, signals in found.items()}


def _sharing(
    facts: list[ReferralFact],
    what: Callable[[ReferralFact], str | None],
    least: int,
    known: Iterable[str] = (),
) -> Iterator[ReferralFact]:
    """Yield the facts of `least` or more friends who share `what`.

    Args:
        facts: Of one referrer.
        what: What they may share; none shares nothing.
        least: So many friends.
        known: What the referrer has too, which is enough by itself.
    """
    friends = defaultdict(set)
    for fact in facts:
        friends[what(fact)].add(fact.friend)
    shared = {key for key, people in friends.items() if len(people) >= least}
    shared |= set(known)
    yield from (fact for fact in facts if what(fact) in shared - {None})


def _same_ip(facts: list[ReferralFact], crowd: int) -> Iterator[ReferralFact]:
    return _sharing(facts, lambda fact: fact.ip, crowd)


def _same_device(facts: list[ReferralFact], _crowd: int) -> Iterator[ReferralFact]:
    return _sharing(facts, lambda fact: fact.device, _TWO)


def _similar_email(facts: list[ReferralFact], _crowd: int) -> Iterator[ReferralFact]:
    own = [_skeleton(fact.email) for fact in facts if fact.email]
    return _sharing(
        facts,
        lambda fact: _skeleton(fact.friend_email) if fact.friend_email else None,
        _TWO,
        own,
    )


def _disposable(facts: list[ReferralFact], _crowd: int) -> Iterator[ReferralFact]:
    return (fact for fact in facts if fact.disposable_email)


def _velocity(facts: list[ReferralFact], crowd: int) -> Iterator[ReferralFact]:
    """Yield the facts that lie in an hour with a crowd's number of friends."""
    first: dict[str, ReferralFact] = {}
    for fact in facts:
        first.setdefault(fact.friend, fact)
    firsts = list(first.values())
    start = done = 0
    for end, fact in enumerate(firsts):
        while fact.at - firsts[start].at > _HOUR:
            start += 1
        if end - start + 1 >= crowd:
            yield from firsts[max(start, done) : end + 1]
            done = end + 1


_FINDERS: Mapping[
    RiskSignal, Callable[[list[ReferralFact], int], Iterator[ReferralFact]]
] = {
    RiskSignal.SAME_IP: _same_ip,
    RiskSignal.VELOCITY: _velocity,
    RiskSignal.SAME_DEVICE: _same_device,
    RiskSignal.SIMILAR_EMAIL: _similar_email,
    RiskSignal.DISPOSABLE_EMAIL: _disposable,
}

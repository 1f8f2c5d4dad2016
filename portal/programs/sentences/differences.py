"""Sentences about what differs between two versions of a program."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from portal.kit.money import BPS_PER_WHOLE
from portal.programs.amounts import money, points
from portal.programs.definition import (
    ProgramDefinition,
    Reward,
    Rule,
    TierMetric,
)
from portal.programs.labels import FIELDS, ITEMS
from portal.programs.sentences.bands import value_phrase
from portal.programs.sentences.pay import rule_sentences
from portal.programs.sentences.phrases import all_of, ngettext, on_day
from portal.programs.sentences.phrases import gettext as _
from portal.programs.sentences.rewards import reward_sentences, value_text
from portal.web.formats import number
from portal.web.formats import percent_bps as percent

_LONG = 120
"""From this length on a text is not repeated, only said to have changed."""
_BPS_PER_PERCENT = 100
_MULTIPLIERS = {"multiplier_bps"}
_TITLES = ("title", "name", "label", "path")
_FREE_TEXTS = (*_TITLES, "summary", "hint", "note", "text", "how", "disclosure")
_PLAIN = ("landing_url", "address", "time_zone", "key")


@dataclass(frozen=True, slots=True)
class Told:
    """A difference: where, what was, what is."""

    path: tuple[str, ...]
    before: Any
    after: Any


def difference_sentence(
    told: Told, old: ProgramDefinition, new: ProgramDefinition
) -> str:
    """Return one difference in words."""
    what = _subject(told, old, new)
    before, after = told.before, told.after
    if isinstance(before, str) and isinstance(after, str) and _is_long(before, after):
        return _text_sentence(what, before, after)
    if isinstance(before, list) and isinstance(after, list):
        return _list_sentence(what, told, old, new)
    if before in (None, "") and after not in (None, ""):
        return _(
            "%(what)s: new: %(now)s", what=what, now=_end(_value(told, new, after))
        )
    if after in (None, "") and before not in (None, ""):
        return _(
            "%(what)s: removed: %(was)s", what=what, was=_end(_value(told, old, before))
        )
    return _(
        "%(what)s: %(now)s instead of %(was)s",
        what=what,
        now=_value(told, new, after),
        was=_end(_value(told, old, before)),
    )


def _end(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _is_long(before: str, after: str) -> bool:
    return any(len(text) > _LONG or "\n" in text for text in (before, after))


def _text_sentence(what: str, before: str, after: str) -> str:
    added = removed = 0
    matcher = SequenceMatcher(
        None, before.splitlines(), after.splitlines(), autojunk=False
    )
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag != "equal":
            removed, added = removed + old_to - old_from, added + new_to - new_from
    lines = all_of(
        [
            ngettext("%(num)d line is new", "%(num)d lines are new", added),
            ngettext("%(num)d line is gone", "%(num)d lines are gone", removed),
        ]
    )
    return _("%(what)s: the text changed; %(lines)s.", what=what, lines=lines)


def _list_sentence(
    what: str, told: Told, old: ProgramDefinition, new: ProgramDefinition
) -> str:
    added = [entry for entry in told.after if entry not in told.before]
    removed = [entry for entry in told.before if entry not in told.after]
    parts = []
    if added:
        parts.append(_("new: %(entries)s", entries=_value(told, new, added)))
    if removed:
        parts.append(_("removed: %(entries)s", entries=_value(told, old, removed)))
    if not parts:
        parts.append(
            _("the order is now %(entries)s", entries=_value(told, new, told.after))
        )
    return _("%(what)s: %(parts)s.", what=what, parts="; ".join(parts))


def _subject(told: Told, old: ProgramDefinition, new: ProgramDefinition) -> str:
    """Return what a path is about, such as "Rule “Share”, band 2, rate"."""
    named = list(_names(told.path, old, new))
    subject = ", ".join(named)
    return subject[:1].upper() + subject[1:]


def _names(
    path: tuple[str, ...], old: ProgramDefinition, new: ProgramDefinition
) -> Iterator[str]:
    inside = ""
    for depth, name in enumerate(path):
        if inside in ITEMS:
            title = _title(path[: depth + 1], new) or _title(path[: depth + 1], old)
            yield (
                _("%(item)s “%(title)s”", item=ITEMS[inside], title=title)
                if title
                else _("%(item)s %(name)s", item=ITEMS[inside], name=name)
            )
            inside = ""
            continue
        inside = name
        if inside in ITEMS and depth + 1 < len(path):
            continue
        yield str(FIELDS.get(name, name.replace("_", " ")))


def _title(path: tuple[str, ...], definition: ProgramDefinition) -> str:
    """Return what the vendor calls the entry of a list at `path`."""
    part = _part_at(path, definition)
    for field in _TITLES:
        if title := getattr(part, field, ""):
            return str(title)
    return ""


def _part_at(path: tuple[str, ...], definition: ProgramDefinition) -> object:
    part: Any = definition
    for name in path:
        if isinstance(part, tuple):
            found = (entry for entry in part if getattr(entry, "key", None) == name)
            part = next(found, None)
        else:
            part = getattr(part, name, None)
    return part


def _value(told: Told, definition: ProgramDefinition, value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value of the definition as people read it."""
    part = _part_at(told.path, definition)
    if isinstance(part, Rule):
        return " ".join(rule_sentences(part, definition))
    if isinstance(part, Reward):
        return " ".join(reward_sentences(part, definition))
    return _text(told.path, value, definition)


def _text(path: tuple[str, ...], value: Any, definition: ProgramDefinition) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return "; ".join(
            _("%(field)s: %(value)s", field=field, value=text)
            for field, text in _fields(path, value, definition)
        )
    if isinstance(value, list):
        entries = [_text(path, entry, definition) for entry in value]
        return all_of(entries)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return _figure(path, value, definition)
    return _word(path, value)


def _fields(
    path: tuple[str, ...], value: dict[str, Any], definition: ProgramDefinition
) -> Iterator[tuple[str, str]]:
    for name, entry in value.items():
        if entry not in (None, "", [], {}):
            label = str(FIELDS.get(name, name.replace("_", " ")))
            yield label, _text((*path, name), entry, definition)


def _word(path: tuple[str, ...], value: str) -> str:
    if path[-1] in ("customer_from", "customer_before", "managed_from"):
        return on_day(date.fromisoformat(value))
    if path[-1] in _FREE_TEXTS:
        return f"“{value}”"
    return value if path[-1] in _PLAIN else value.replace("_", " ")


def _figure(path: tuple[str, ...], value: int, definition: ProgramDefinition) -> str:
    """Return a number with its unit, which its name or its place tells."""
    name, fields = path[-1], set(path)
    currency = _currency(path, definition)
    if currency is not None:
        return money(value, currency)
    if name in _MULTIPLIERS:
        whole, rest = divmod(value, BPS_PER_WHOLE)
        return f"{whole}.{rest:04}".rstrip("0").rstrip(".")
    if name.endswith("bps") or "rate_bps_by_tier" in fields:
        return percent(value)
    if "milli_per_100" in fields:
        return points(value)
    return _counted(path, value, definition)


def _currency(path: tuple[str, ...], definition: ProgramDefinition) -> str | None:
    """Return of which currency the minor units at `path` are; none for others."""
    if "minor_by_tier" in path and definition.fee:
        return definition.fee.currency
    if "minor_per_100" in path[:-1]:
        return path[-1]
    if path[-1] == "minor" or path[-1].endswith("_minor"):
        return definition.currency
    return None


def _counted(path: tuple[str, ...], value: int, definition: ProgramDefinition) -> str:
    """Return a number whose unit another field of its part tells."""
    if path[0] == "rewards" and path[-1] in ("value", "total"):
        reward = next(one for one in definition.rewards if one.key == path[1])
        return value_text(reward, value, definition.currency)
    if path[0] == "rules" and path[-1] == "from_value":
        rule = next(one for one in definition.rules if one.key == path[1])
        return value_phrase(
            rule.picks_band_by, value, definition.currency, rule.pays_for
        )
    if path[0] == "tiers" and path[-1] == "from_value" and definition.tiers:
        return _of_metric(definition.tiers.metric, value, definition.currency)
    return number(value)


def _of_metric(metric: TierMetric, value: int, currency: str) -> str:
    if metric is TierMetric.NET_SALES:
        return money(value, currency)
    if metric in (TierMetric.POINTS, TierMetric.SOURCED_POINTS):
        return points(value)
    return number(value)

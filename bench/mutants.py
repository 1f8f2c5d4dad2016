"""Planted mistakes in the engine, each of which a test must notice.

Every mutant is one changed line in a copy of the portal. The pure tests of rating run
against the copy and must fail; a mutant that they let live is printed, and the command
fails. Run it with `make mutants`; it needs no database.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE = Path("portal/commissions/calculation")
TIERS = Path("portal/tiers")
DEALS = Path("portal/deals")
TESTS = (
    "tests/commissions/test_calculation.py",
    "tests/commissions/test_rules_pay.py",
    "tests/commissions/test_rules_choose.py",
    "tests/commissions/test_rules_limit.py",
    "tests/commissions/test_rules_mended.py",
    "tests/programs_tables/test_engine_rows.py",
    "tests/programs_tables/test_rows.py",
    "tests/commissions/test_properties.py",
    "tests/deals/test_rules.py",
)
_COPIED = ("portal", "tests", "banks", "templates", "migrations", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """One planted mistake: `old` becomes `new` in `file`."""

    name: str
    file: Path
    old: str
    new: str


MUTANTS = (
    Mutant(
        "a total of exactly a limit stays below",
        ENGINE / "scale.py",
        "find = bisect_right if self.above else bisect_left",
        "find = bisect_left",
    ),
    Mutant(
        "a marginal band forgets those below it",
        ENGINE / "scale.py",
        "return below[number] + _pay(band, total - froms[number])",
        "return _pay(band, total - froms[number])",
    ),
    Mutant(
        "a band ignores its own mode",
        ENGINE / "scale.py",
        "modes=tuple(rule.mode_of(band) for band in bands),",
        "modes=tuple(rule.mode for band in bands),",
    ),
    Mutant(
        "an accelerator multiplies the whole",
        ENGINE / "scale.py",
        "beyond = value - self._value(more.above_minor)",
        "beyond = value",
    ),
    Mutant(
        "a refund is rated on its own, not as a difference",
        ENGINE / "rating.py",
        "return scale.rounded(exact)",
        "return before.paid + scale.rounded(exact - before.exact)",
    ),
    Mutant(
        "a window is everybody's, also where it is one customer's",
        ENGINE / "history.py",
        "owner = sale.customer_id.int if clause.is_by_customer else 0\n    return",
        "owner = 0\n    return",
    ),
    Mutant(
        "the duration ends a moment late",
        ENGINE / "history.py",
        "sale.occurred_at >= until",
        "sale.occurred_at > until",
    ),
    Mutant(
        "a customer who leaves on the last day earns nothing",
        ENGINE / "history.py",
        "left_at < clears_at",
        "left_at <= clears_at",
    ),
    Mutant(
        "a later version governs before it is in force",
        ENGINE / "history.py",
        "and version.effective_from <= sale.occurred_at",
        "",
    ),
    Mutant(
        "the first of equals loses",
        ENGINE / "history.py",
        "return (max(paying, key=lambda case: _worth(case, sale)),)",
        "return (max(reversed(paying), key=lambda case: _worth(case, sale)),)",
    ),
    Mutant(
        "a cap forgets what came in before",
        ENGINE / "caps.py",
        "return min(after, cap.most_minor) - min(before, cap.most_minor)",
        "return min(amount, cap.most_minor)",
    ),
    Mutant(
        "caps apply in the order of the file",
        ENGINE / "caps.py",
        "sorted(rule.caps, key=lambda cap: _ORDER.index(cap.per))",
        "rule.caps",
    ),
    Mutant(
        "a budget pays the item that goes over",
        ENGINE / "caps.py",
        "if is_new and spent > budget.most_minor:",
        "if is_new and spent - amount > budget.most_minor:",
    ),
    Mutant(
        "a refund of an item over budget is paid back",
        ENGINE / "rating.py",
        "self.refused.add(_item(change, case))",
        "pass",
    ),
    Mutant(
        "a begun month counts as not used",
        ENGINE / "changes.py",
        "add_months(since, month, zone) < until for",
        "add_months(since, month + 1, zone) <= until for",
    ),
    Mutant(
        "a refund on the last day takes nothing back",
        ENGINE / "changes.py",
        "event.moment <= event.sale.occurred_at",
        "event.moment < event.sale.occurred_at",
    ),
    Mutant(
        "papers of the last day are late",
        ENGINE / "gates.py",
        "over = day_start(last_day + timedelta(days=1), zone)",
        "over = last",
    ),
    Mutant(
        "products are ignored",
        ENGINE / "counting.py",
        "if (not when.products or line.product in when.products)",
        "if (True)",
    ),
    Mutant(
        "a negative margin takes from the partner",
        ENGINE / "counting.py",
        "whole = max(_whole(measure, rule, sale), 0)",
        "whole = abs(_whole(measure, rule, sale))",
    ),
    Mutant(
        "what came in months ago still picks the rate",
        ENGINE / "rating.py",
        "while rolling.parts[0][0] <= since:",
        "while rolling.parts[0][0] < since.replace(year=1):",
    ),
    Mutant(
        "the first customer month is month 0",
        ENGINE / "matching.py",
        "return months + (add_months(first, months, zone) <= moment)",
        "return months + (add_months(first, months, zone) < moment)",
    ),
    Mutant(
        "a refund counts before its sale",
        TIERS / "facts.py",
        "(max(refund.occurred_at, sale.occurred_at), True, refund.reference)",
        "(refund.occurred_at, True, refund.reference)",
    ),
    Mutant(
        "a registration is open at the moment at which it expires",
        DEALS / "rules.py",
        "self.attempt.at <= moment < self.expires_at",
        "self.attempt.at <= moment <= self.expires_at",
    ),
    Mutant(
        "a partner has one place too many",
        DEALS / "rules.py",
        "in_use >= policy.max_open",
        "in_use > policy.max_open",
    ),
)


def lives(mutant: Mutant, folder: Path) -> bool:
    """Tell whether all tests pass although the mistake is there."""
    file = folder / mutant.file
    source = file.read_text()
    if source.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: its line is not in {mutant.file} once")
    file.write_text(source.replace(mutant.old, mutant.new))
    try:
        return passes(folder)
    finally:
        file.write_text(source)


def passes(folder: Path) -> bool:
    """Run the pure tests of rating in a copy."""
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "-x", "-q", "--noconftest", *TESTS],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def main() -> None:
    """Plant each mistake in turn and say which ones lived."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in _COPIED:
            source, ignore = ROOT / part, shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=ignore)
            elif source.exists():
                shutil.copy(source, folder / part)
        if not passes(folder):
            raise SystemExit("the tests fail without any mistake: mend them first")
        survivors = []
        for mutant in MUTANTS:
            alive = lives(mutant, folder)
            survivors += [mutant.name] * alive
            print(f"{'LIVES ' if alive else 'killed'}  {mutant.name}", flush=True)
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} killed")
    if survivors:
        sys.exit(1)


if __name__ == "__main__":
    main()

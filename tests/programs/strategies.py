"""Random programs that are valid, with every part that a definition can have."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from portal.programs.definition import ProgramDefinition, storable
from portal.programs.documents import DefinitionError, dump_json, load_json, preset
from tests.programs.definitions import HUBSPOT

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=40,
).filter(storable) | st.sampled_from(
    ["no", "2026-01-15", "1:30", "0x1F", "~", "null", " a\nb", "a\n b\n\n", "#x", "'"]
)
KEY = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
MONTH_DAY = st.sampled_from(["01-15", "03-01", "07-15", "12-28"])
MONTH_DAYS = st.lists(MONTH_DAY, min_size=1, max_size=2, unique=True)
MONTHS = st.integers(1, 60)
MINOR = st.integers(0, 10**9)
MOST = st.integers(1, 10**9)
BPS = st.integers(0, 10_000)
COUNTRIES = st.lists(
    st.sampled_from(["DE", "BR", "IN", "JP"]), min_size=1, max_size=2, unique=True
)
SOURCES = st.sampled_from(["sourced", "assisted", "managed"])
PLACES = st.lists(KEY, min_size=1, max_size=3, unique=True)
DAY = st.dates().map(lambda day: day.isoformat())


def part(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - strategies of any kind
    return st.fixed_dictionaries(required, optional=optional)


def one_of(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


HOLDS = part(
    {},
    days=st.integers(0, 365),
    to_month_end=st.booleans(),
    while_customer=st.booleans(),
)
CONDITIONS = part(
    {},
    products=st.lists(TEXT, max_size=2),
    except_products=st.lists(TEXT, max_size=2),
    countries=COUNTRIES,
    sources=st.lists(SOURCES, max_size=2, unique=True),
    sale=one_of("any", "first", "renewal"),
    customer_months=st.tuples(MONTHS, st.none() | MONTHS).map(
        lambda span: {
            "from_month": span[0],
            "to_month": span[1] and span[0] + span[1],
        }
    ),
    customer_from=DAY,
    customer_before=DAY,
    managed_from=DAY,
)
CAPS = st.lists(
    part(
        {
            "per": one_of("sale", "customer", "month", "quarter", "year", "life"),
            "most_minor": MOST,
        }
    ),
    max_size=3,
    unique_by=lambda cap: cap["per"],
)
PAYS_FOR = one_of("sale", "lead", "click", "subscriber")
COMMON = {
    "when": CONDITIONS,
    "base": part({}, discount=one_of("after", "before"), tax=one_of("without", "with")),
    "per": one_of("partner", "customer"),
    "limit": one_of("at_least", "more_than"),
    "duration_months": MONTHS,
    "all_or_nothing_months": MONTHS,
    "caps": CAPS,
    "hold": HOLDS,
    "rounding": one_of("half_away", "down"),
    "tier_at": one_of("sale", "first_sale"),
}


@st.composite
def rules(draw: st.DrawFn, levels: list[str], *, only_sales: bool) -> dict[str, Any]:
    rule: dict[str, Any] = draw(part({"title": TEXT, "pays_for": PAYS_FOR}, **COMMON))
    if levels and "when" in rule and draw(st.booleans()):
        rule["when"]["tiers"] = [draw(st.sampled_from(levels))]
    is_by_tier: bool = draw(st.booleans())
    if levels and is_by_tier:
        return rule | {"rate_bps_by_tier": {key: draw(BPS) for key in levels}}
    rule["measure"] = draw(one_of("net_sales", "margin", "items", "units"))
    rule["rounding_per"] = draw(one_of("window", "sale"))
    if not only_sales:
        rule |= draw(windows())
    is_money = rule["measure"] in ("net_sales", "margin")
    whole_only = rule.get("window") == "rolling" or draw(st.integers(0, 3)) == 0
    if whole_only and draw(st.booleans()):
        rule["banded_by"] = draw(one_of("net_sales", "margin", "items", "units"))
    whole_only = rule.get("window") == "rolling" or "banded_by" in rule
    rule["mode"] = "whole" if whole_only else draw(one_of("marginal", "whole"))
    paid = ["rate_bps", "flat_minor"] if is_money else ["each_minor", "flat_minor"]
    froms = sorted(draw(st.sets(MOST, max_size=2)))
    rule["bands"] = [
        {"from_value": value, name: draw(BPS if name == "rate_bps" else MINOR)}
        | ({} if whole_only else draw(part({}, mode=one_of("marginal", "whole"))))
        for value in [0, *froms]
        for name in [draw(st.sampled_from(paid))]
    ]
    if rule["measure"] == "net_sales" and rule["rounding_per"] == "window":
        rule |= draw(part({}, accelerator=accelerators()))
    return rule


def accelerators() -> st.SearchStrategy[Any]:
    return part(
        {"above_minor": MOST, "multiplier_bps": st.integers(10_001, 30_000)},
        needs_year_to_date_minor=MINOR,
    )


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    window = draw(
        one_of("sale", "month", "quarter", "year", "program_year", "rolling", "life")
    )
    found: dict[str, Any] = {"window": window}
    if window == "program_year":
        found["program_year_from"] = draw(MONTH_DAY)
    if window == "rolling":
        found["rolling_months"] = draw(MONTHS)
    return found


def moves(*kinds: str) -> st.SearchStrategy[Any]:
    look_back = {"look_back_months": st.integers(0, 12)} if "never" in kinds else {}
    return part({"when": one_of(*kinds)}) | part(
        {"when": st.just("dates"), "dates": MONTH_DAYS}, **look_back
    )


REQUIREMENTS = st.lists(
    st.one_of(
        part({"metric": st.just("fact"), "fact": KEY, "below": MOST}),
        part({"metric": st.just("fact"), "fact": KEY, "at_least": MINOR}),
        part(
            {
                "metric": one_of(
                    "new_customers", "net_sales", "points", "sourced_points"
                ),
                "at_least": MINOR,
            }
        ),
        part({"metric": one_of("net_sales", "points"), "below": MOST}),
    ),
    max_size=2,
)


@st.composite
def tiers(draw: st.DrawFn) -> dict[str, Any]:
    froms = [0, *sorted(draw(st.sets(MOST, max_size=2)))]
    keys = draw(st.lists(KEY, min_size=len(froms), max_size=len(froms), unique=True))
    levels: list[dict[str, Any]] = [
        {
            "key": key,
            "name": draw(TEXT),
            "from_value": value,
            "requires": draw(REQUIREMENTS) if value else [],
            "benefits": draw(st.lists(TEXT, max_size=2)),
        }
        for key, value in zip(keys, froms, strict=True)
    ]
    found: dict[str, Any] = {
        "metric": draw(
            one_of("new_customers", "net_sales", "points", "sourced_points")
        ),
        "window": draw(one_of("month", "quarter", "year", "rolling_12_months", "life")),
        "levels": levels,
        "limit": draw(one_of("at_least", "more_than")),
        "counts_from": draw(one_of("this_sale", "next_sale")),
        "promote": draw(moves("at_once")),
        "demote": draw(moves("at_once", "never")),
    }
    metrics = {need["metric"] for level in levels for need in level["requires"]}
    if {"points", "sourced_points"} & (metrics | {found["metric"]}):
        found["points"] = draw(
            part(
                {
                    "milli_per_100": st.dictionaries(
                        SOURCES, st.integers(0, 10**6), min_size=1
                    )
                },
                growth_countries=COUNTRIES,
                growth_multiplier=st.integers(1, 10),
                minor_per_100=st.dictionaries(one_of("EUR", "JPY"), MOST),
            )
        )
    if draw(st.booleans()):
        found["duty"] = draw(
            part(
                {"level": st.sampled_from(keys), "within_months": MONTHS},
                move_to=st.sampled_from(keys),
            )
        )
    return found


REWARD_FLAGS = dict.fromkeys(
    (
        "needs_approval",
        "needs_consent",
        "opt_out",
        "only_by_link",
        "one_a_month",
        "once_per_product",
        "once_per_company",
    ),
    st.booleans(),
)
REWARDS = part(
    {
        "title": TEXT,
        "to": one_of("referrer", "company", "friend"),
        "follows": one_of("signup", "first_payment", "payment", "review"),
        "kind": one_of("free_months", "gift_card", "item", "places"),
        "value": st.integers(1, 10**6),
    },
    worth_minor=MINOR,
    wait_days=st.integers(0, 60),
    blocks=st.lists(
        one_of("same_person", "same_email_domain", "existing_customer"), unique=True
    ),
    risk_check=part(
        {"signals": st.lists(one_of("same_ip", "velocity", "same_device"), min_size=1)},
        holds_from=one_of("medium", "high"),
    ),
    cap=part({"count": st.integers(1, 99)}, per=one_of("life", "calendar_year"))
    | part({"total": MOST}),
    **REWARD_FLAGS,
)
GATES = part(
    {
        "kind": one_of("email", "review", "confirmation"),
        "title": TEXT,
        "blocks": st.lists(
            one_of("link", "earn", "payout"), min_size=1, max_size=3, unique=True
        ),
    },
    how=TEXT,
    deadline_days=st.integers(1, 60),
    forfeits_after_months=MONTHS,
    sales_while_unmet=one_of("forfeited", "held"),
)
PAYOUTS = part(
    {},
    schedule=one_of("monthly", "quarterly"),
    days_after=st.integers(0, 120),
    only_on_days=st.lists(st.integers(1, 28), max_size=2, unique=True),
    minimum_minor=MINOR,
    holdback=part({"bps": st.integers(1, 10_000), "months": MONTHS}),
) | part({}, draw=part({"minor": MOST}, recoverable=st.booleans()))
POLICIES = part(
    {
        "key": KEY,
        "name": TEXT,
        "summary": TEXT,
        "currency": one_of("USD", "JPY", "KWD"),
        "time_zone": one_of("UTC", "Europe/Berlin"),
        "audience": one_of("companies", "people", "customers"),
        "agreement": st.none(),
        "fee": st.none(),
        "attribution": part(
            {"window_days": st.integers(1, 730)},
            model=one_of("last_click", "first_click", "linear", "position"),
            registration=part(
                {"days": st.integers(1, 730)}, max_open=st.integers(1, 10_000)
            ),
        ),
        "sources": st.lists(
            part(
                {
                    "path": TEXT,
                    "evidence": one_of("published", "reported", "assumed"),
                    "note": TEXT,
                }
            ),
            max_size=2,
        ),
    },
    terms_from=one_of("attribution", "sale"),
    hold=HOLDS,
    friend_discount=part({"percent_bps": BPS}, invoices=st.integers(1, 12)),
    budget=part(
        {"per": one_of("month", "life"), "most_minor": MOST},
    ),
    clawback=part(
        {},
        refunds=one_of("full", "none"),
        refund_days=st.integers(1, 365),
        prepaid_months=MONTHS,
    ),
    payout=PAYOUTS,
)


@st.composite
def definitions(draw: st.DrawFn) -> ProgramDefinition:
    """A valid program; what pydantic refuses is drawn again."""
    found: dict[str, Any] = draw(POLICIES)
    found["tiers"] = draw(st.none() | tiers())
    levels = [level["key"] for level in (found["tiers"] or {"levels": []})["levels"]]
    found["combine"] = draw(one_of("sum", "first_match", "highest"))
    only_sales = found["combine"] == "highest"
    found["rules"] = [
        draw(rules(levels, only_sales=only_sales)) | {"key": key}
        for key in draw(st.lists(KEY, max_size=2, unique=True))
    ]
    found["rewards"] = [
        draw(REWARDS) | {"key": key}
        for key in draw(
            st.lists(KEY, min_size=not found["rules"], max_size=2, unique=True)
        )
    ]
    found["gates"] = [draw(GATES) | {"key": key} for key in draw(PLACES)]
    try:
        return load_json(dump_json(preset(HUBSPOT)) | found)
    except DefinitionError:
        assume(condition=False)
        raise

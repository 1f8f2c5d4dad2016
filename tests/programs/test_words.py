import pytest

from portal.programs.agreements import agreement_html
from portal.programs.definition import Agreement, Evidence
from portal.programs.documents import dump_json, preset
from portal.programs.words import questions_and_answers, rule_sentence, terms_in_words
from tests.programs.definitions import HUBSPOT, MONDAY, changed


def test_the_solutions_program_reads_like_its_rules() -> None:
    terms = terms_in_words(preset(HUBSPOT))

    assert terms.rewards[0].gist == (
        "You earn 20% of what your customer pays, without tax, for 36 months."
    )
    assert terms.steps[0] == "Send an application; most get an answer in 5 days."
    assert terms.steps[-2:] == (
        "Pay the membership fee: $35.00 each month.",
        "Share your link and earn.",
    )
    assert "those for April to June on 14 August" in str(terms.payout)
    assert str(terms.tiering).startswith("Your tier depends on the points you collect")
    assert [tier.begins for tier in terms.tiers][:3] == [
        "from the start",
        "from 123 points",
        "from 312.5 points",
    ]


def test_the_affiliate_program_reads_like_its_rules() -> None:
    terms = terms_in_words(preset(MONDAY))

    assert terms.reward.startswith("You earn 25% to 100% of what your customer pays")
    assert "and the customer keeps it" in terms.reward
    assert [(tier.begins, tier.rate) for tier in terms.tiers] == [
        ("from the start", "25%"),
        ("from 6 new customers", "50%"),
        ("from 16 new customers", "75%"),
        ("from 31 new customers", "100%"),
    ]
    assert "waits 30 days" in str(terms.hold)
    assert terms.fee is None


def test_each_term_carries_its_weakest_evidence() -> None:
    terms = terms_in_words(preset(HUBSPOT))

    assert terms.rewards[0].evidence is Evidence.PUBLISHED
    assert terms.attribution.evidence is Evidence.ASSUMED
    assert terms.refunds
    assert terms.refunds.evidence is None
    assert terms.rewards[0] not in terms.unpublished
    assert terms.attribution in terms.unpublished


def test_gates_say_what_they_keep_one_from() -> None:
    gates = {gate.key: gate for gate in terms_in_words(preset(HUBSPOT)).gates}

    assert gates["email"].consequence == "Until then, you cannot join the program."
    assert gates["certification"].consequence == (
        "Until then, you cannot get a link or earn. "
        "A sale that is paid before then earns nothing."
    )


def test_a_gate_names_its_deadline_and_what_waits_for_it() -> None:
    gates = dump_json(preset(HUBSPOT))["gates"]
    gates[3] |= {"deadline_days": 60, "sales_while_unmet": "held"}

    gate = terms_in_words(changed(HUBSPOT, gates=gates)).gates[3]

    assert gate.deadline == "Do it within 60 days of joining."
    assert gate.consequence.endswith("counts from that day on.")


def test_rates_by_tier_say_which_moment_counts() -> None:
    rule = dump_json(preset(MONDAY))["rules"][0]
    at_sale = changed(rules=[rule | {"tier_at": "sale"}])
    same = changed(
        rules=[rule | {"rate_bps_by_tier": dict.fromkeys(rule["rate_bps_by_tier"], 5)}]
    )

    assert rule_sentence(at_sale.rules[0], at_sale).endswith(
        "Your tier on the day of each payment decides the rate."
    )
    assert rule_sentence(same.rules[0], same) == (
        "You earn 0.05% of what your customer pays, without tax, for 12 months."
    )


@pytest.mark.parametrize(
    ("metric", "window", "sentence", "begins"),
    [
        ("net_sales", "month", "pay in the calendar month", "from $0.06 of sales"),
        ("net_sales", "year", "pay in the calendar year", "from $0.06 of sales"),
        ("new_customers", "life", "since you joined", "from 6 new customers"),
    ],
)
def test_tiers_say_what_they_depend_on(
    metric: str, window: str, sentence: str, begins: str
) -> None:
    tiers = dump_json(preset(MONDAY))["tiers"] | {"metric": metric, "window": window}

    terms = terms_in_words(changed(tiers=tiers))

    assert sentence in str(terms.tiering)
    assert terms.tiers[1].begins == begins


def test_a_fee_by_tier_stands_in_the_table_and_in_the_steps() -> None:
    fee = dump_json(preset(HUBSPOT))["fee"] | {
        "minor_by_tier": {"any": 35_00, "gold": 70_00},
        "interval": "year",
        "grace_days": 0,
    }

    terms = terms_in_words(changed(HUBSPOT, fee=fee))

    assert str(terms.fee) == (
        "Partner program membership costs $35.00 each year to $70.00 each year, "
        "by tier."
    )
    assert [tier.fee for tier in terms.tiers][:2] == [
        "$35.00 each year",
        "$70.00 each year",
    ]
    assert "Pay the membership fee: $35.00 each year." in terms.steps


def test_all_that_a_fee_offers_is_said() -> None:
    fee = dump_json(preset(HUBSPOT))["fee"] | {
        "or_intervals": [
            {
                "interval": "year",
                "minor_by_tier": {"any": 350_00},
                "growth_minor_by_tier": {"any": 250_00, "gold": 300_00},
            }
        ],
        "growth_countries": ["BR", "IN"],
        "growth_minor_by_tier": {"any": 25_00},
        "trial_days": 14,
        "coupon": "SPRING",
        "collects": ["address", "tax_id"],
    }

    said = str(terms_in_words(changed(HUBSPOT, fee=fee)).fee)

    assert said == (
        "Partner program membership costs $35.00 each month. "
        "You can pay $350.00 each year instead. "
        "Partners in Brazil or India pay $25.00 each month or $250.00 each year to "
        "$300.00 each year, by tier. "
        "The first 14 days are free. "
        "The payment page takes off a discount. "
        "The payment page asks for your address and your tax id, for the invoices. "
        "If a payment fails, you have 7 days to put it right."
    )
    codes = fee | {"coupon": None, "promotion_codes": True}
    assert "The payment page takes promotion codes." in str(
        terms_in_words(changed(HUBSPOT, fee=codes)).fee
    )


def test_without_tiers_and_agreement_nothing_is_said_about_them() -> None:
    gates = [g for g in dump_json(preset(HUBSPOT))["gates"] if g["key"] != "agreement"]

    terms = terms_in_words(changed(HUBSPOT, tiers=None, agreement=None, gates=gates))

    assert terms.tiering is None
    assert terms.tiers == ()
    assert len(questions_and_answers(preset(HUBSPOT), terms)) == 7
    assert "Tiers" not in dict(terms.rows())
    assert "Pay the membership fee: $35.00 each month." in terms.steps


def test_other_terms_follow_the_definition() -> None:
    definition = changed(
        MONDAY,
        join=dump_json(preset(MONDAY))["join"]
        | {"mode": "invite", "countries": ["DE", "FR", "XY"], "reapply_after_days": 0},
        payout={"schedule": "monthly", "days_after": 1, "minimum_minor": 50_00},
        rules=[dump_json(preset(MONDAY))["rules"][0] | {"rounding": "down"}],
    )

    terms = terms_in_words(definition)

    assert terms.steps[0] == "Answer the questions in your invitation."
    assert (
        str(terms.countries)
        == "You need an invitation. You can apply from Germany, France, or XY."
    )
    assert "It is paid 1 day after the month ends" in str(terms.payout)
    assert "Less than $50.00 is carried" in str(terms.payout)
    assert str(dict(terms.exactly)["Rounding"]).startswith("Down to the smallest")
    assert "at any time" in questions_and_answers(definition, terms)[0][1]


@pytest.mark.parametrize(("key", "count"), [(HUBSPOT, 8), (MONDAY, 7)])
def test_questions_are_answered_from_the_terms(key: str, count: int) -> None:
    definition = preset(key)
    terms = terms_in_words(definition)

    answers = dict(questions_and_answers(definition, terms))

    assert len(answers) == count
    assert answers["When am I paid?"] == f"{terms.hold} {terms.payout}"
    assert "after 30 days" in answers["How soon do I get an answer?"]


def test_an_agreement_shows_tags_and_obeys_none() -> None:
    text = "## Title\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) **b**"
    agreement = Agreement(title="T", version="2026-07", text=text)

    html = agreement_html(agreement)

    assert "<h3>Title</h3>" in html
    assert "<strong>b</strong>" in html
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_a_source_about_the_whole_marks_every_part_of_it() -> None:
    source = {"path": "rules", "evidence": "reported", "note": "Read elsewhere."}

    terms = terms_in_words(changed(MONDAY, sources=[source]))

    assert terms.rewards[0].evidence is Evidence.REPORTED
    assert terms.attribution.evidence is None


def test_the_page_shows_each_term_in_one_place() -> None:
    terms = terms_in_words(preset(HUBSPOT))

    labels = [label for label, _term in terms.other_rows()]

    assert labels[0] == "Who can apply"
    assert "Tiers" not in labels
    assert "Together" not in labels

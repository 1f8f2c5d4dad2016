from portal.rewards.calculation import Entry, waiting_list
from tests.rewards.facts import at, fact, program, reward

LIST = program(reward(kind="places", value=5), reward(key="mug", kind="item"))
ENTRIES = [
    Entry(person=f"p{number:02}", joined_at=at(f"2026-01-{number:02}"))
    for number in range(1, 13)
]


def test_a_referral_moves_forward_and_the_earlier_sign_up_stays_before_on_a_tie() -> (
    None
):
    places = waiting_list(LIST, [fact("x", referrer="p08")], ENTRIES)

    assert [place.person for place in places[:5]] == ["p01", "p02", "p03", "p08", "p04"]
    moved = places[3]
    assert (moved.place, moved.joined_place, moved.forward) == (4, 8, 5)


def test_several_referrals_add_up_and_nobody_is_lost() -> None:
    told = [fact(str(n), referrer="p12") for n in range(9)]

    places = waiting_list(LIST, told, ENTRIES)

    assert places[0].person == "p12"
    assert sorted(place.person for place in places) == [e.person for e in ENTRIES]
    assert [place.place for place in places] == list(range(1, 13))


def test_the_order_of_entries_and_entering_twice_change_nothing() -> None:
    again = Entry(person="p01", joined_at=at("2026-02-01"))

    assert waiting_list(LIST, [], [again, *reversed(ENTRIES)]) == waiting_list(
        LIST, [], ENTRIES
    )


def test_a_referral_that_still_waits_moves_nobody() -> None:
    slow = program(reward(kind="places", value=5, wait_days=7))
    told = [fact("x", referrer="p08")]

    places = waiting_list(slow, told, ENTRIES, as_of=at("2026-03-02"))

    assert [place.person for place in places] == [e.person for e in ENTRIES]

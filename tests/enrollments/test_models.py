from itertools import product

import pytest

from portal.enrollments.models import (
    TRANSITIONS,
    Enrollment,
    EnrollmentStatus,
    EnrollmentTransition,
)
from portal.kit.ids import new_id

S = EnrollmentStatus
ALLOWED = {
    (S.PENDING, S.ACTIVE),
    (S.PENDING, S.SUSPENDED),
    (S.PENDING, S.TERMINATED),
    (S.ACTIVE, S.PENDING),
    (S.ACTIVE, S.SUSPENDED),
    (S.ACTIVE, S.TERMINATED),
    (S.SUSPENDED, S.PENDING),
    (S.SUSPENDED, S.ACTIVE),
    (S.SUSPENDED, S.TERMINATED),
}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_only_the_listed_moves_are_possible(
    before: EnrollmentStatus, after: EnrollmentStatus
) -> None:
    enrollment = Enrollment(status=before)

    if (before, after) in ALLOWED:
        enrollment.move_to(after)
        assert enrollment.status is after
    else:
        with pytest.raises(EnrollmentTransition):
            enrollment.move_to(after)
        assert enrollment.status is before


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(S)


def test_the_public_id_has_its_prefix() -> None:
    assert Enrollment(id=new_id()).public_id.startswith("enr_")

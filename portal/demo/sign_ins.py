"""Who can be tried out, and what each one shows."""

from collections.abc import Mapping
from types import MappingProxyType

SIGN_INS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "Staff": (
            ("dana@demo.test", "Dana, admin: reviews, closes, sees all"),
            ("omar@demo.test", "Omar, finance: closes months, records payouts"),
            ("rin@demo.test", "Rin, reviewer: decides on applications"),
            ("ada@demo.test", "Ada, auditor: reads everything, changes nothing"),
        ),
        "Partners": (
            ("noor@noorhaddad.test", "Noor, freelancer in Dubai: statements, earnings"),
            ("jiwoo@maru.test", "Jiwoo, agency in Seoul: certificate, fee, tiers"),
            ("tom@bluefern.test", "Blue Fern: refunds and a balance below zero"),
            ("kaira@kaira.test", "Kaira: certificate expired, fee past due"),
            ("lena@lumen.test", "Lena: has signed, the exam is next"),
            ("sam@northwind.test", "Northwind, a team: also fin@, mia@ and val@"),
        ),
    }
)

"""Who is in the story. Every address ends in `.test`, where no mail can arrive."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.accounts.permissions import Role

SOLUTIONS = "hubspot-solutions-partner"
AFFILIATE = "monday-affiliate"

PLAN_OF = {"T": "team", "G": "growth", "S": "scale"}


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One of the vendor's people."""

    email: str
    name: str
    role: Role


STAFF = (
    StaffMember("dana@demo.test", "Dana Weiss", Role.ADMIN),
    StaffMember("omar@demo.test", "Omar Said", Role.FINANCE),
    StaffMember("rin@demo.test", "Rin Sato", Role.REVIEWER),
    StaffMember("ada@demo.test", "Ada Obi", Role.AUDITOR),
)
ADMIN, FINANCE, REVIEWER = STAFF[0].email, STAFF[1].email, STAFF[2].email


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Somebody who applies, and what they write."""

    company: str
    name: str
    email: str
    country: str
    program: str
    website: str
    words: str
    """What they do, in a sentence or two."""
    extra: Mapping[str, str | list[str]] = field(default_factory=dict)
    """Answers of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast(Applicant):
    """A partner: an applicant who was let in.

    Attributes:
        joins: The month and day of the application.
        code: What their link is called.
        link: The name of the link.
        arrivals: By month, the plans that new customers buy: a letter for each.
        sites: Where their visitors come from.
        welcome: The reviewer's words to them.
    """

    joins: tuple[int, int]
    code: str
    link: str
    arrivals: Mapping[int, str] = field(default_factory=dict)
    sites: tuple[str, ...] = ()
    welcome: str = ""


NOOR = Cast(
    company="Noor Haddad",
    name="Noor Haddad",
    email="noor@noorhaddad.test",
    country="AE",
    program=AFFILIATE,
    website="https://noorhaddad.test",
    words="I write a weekly letter about calm work for 9,000 freelancers in the Gulf, "
    "and I test every tool for a month before I name it.",
    extra={"channel-type": "newsletter", "audience-size": "from-1000"},
    joins=(0, 4),
    code="noor",
    link="Newsletter",
    arrivals={
        1: "T",
        5: "G",
        8: "G",
        10: "TGT",
        11: "TT",
        12: "GTT",
        13: "TGTS",
        14: "TT",
    },
    sites=("noorhaddad.test", "linkedin.com", ""),
    welcome="Your letter is a joy to read. Welcome!",
)
JIWOO = Cast(
    company="Maru Partners",
    name="Jiwoo Park",
    email="jiwoo@maru.test",
    country="KR",
    program=SOLUTIONS,
    website="https://maru.test",
    words="We move retailers in Seoul and Busan off spreadsheets. Two projects that we "
    "are proud of: a bakery chain with 40 shops and a logistics start-up.",
    extra={"team-size": "eleven-to-fifty", "role": "Owner"},
    joins=(0, 2),
    code="maru",
    link="Our website",
    arrivals={1: "G", 3: "S", 8: "S", 12: "S", 13: "G", 14: "G"},
    sites=("maru.test", "naver.com", ""),
    welcome="Impressive projects. Glad to have you.",
)
BLUE_FERN = Cast(
    company="Blue Fern",
    name="Tom Ashby",
    email="tom@bluefern.test",
    country="GB",
    program=AFFILIATE,
    website="https://bluefern.test",
    words="We compare business software in short videos.",
    extra={"channel-type": "video", "audience-size": "from-10000"},
    joins=(3, 6),
    code="blue-fern",
    link="Video description",
    arrivals={4: "T", 6: "S"},
    sites=("youtube.com", ""),
)
KAIRA = Cast(
    company="Kaira Consulting",
    name="Kaira Menon",
    email="kaira@kaira.test",
    country="IN",
    program=SOLUTIONS,
    website="https://kaira.test",
    words="I resell and set up work software for clinics in Kerala.",
    extra={"team-size": "two-to-ten", "role": "Founder"},
    joins=(0, 0),
    code="kaira",
    link="Clinic guide",
    arrivals={3: "G", 7: "T", 9: "T"},
    sites=("kaira.test", ""),
)
NORTHWIND = Cast(
    company="Northwind Agency",
    name="Sam Tremblay",
    email="sam@northwind.test",
    country="CA",
    program=SOLUTIONS,
    website="https://northwind.test",
    words="Thirty people in Montreal who set up sales teams with the right tools.",
    extra={"team-size": "eleven-to-fifty", "role": "Managing director"},
    joins=(2, 8),
    code="northwind",
    link="Sales playbook",
    arrivals={7: "G", 11: "S", 13: "T"},
    sites=("northwind.test", "google.com", ""),
)
SORREL = Cast(
    company="Sorrel & Co",
    name="Maya Lind",
    email="maya@sorrel.test",
    country="SE",
    program=SOLUTIONS,
    website="https://sorrel.test",
    words="We help small hotels in Sweden to plan shifts and rooms in one place.",
    extra={"team-size": "two-to-ten", "role": "Partner"},
    joins=(9, 11),
    code="sorrel",
    link="Hotel page",
    arrivals={10: "G", 13: "T"},
    sites=("sorrel.test", ""),
)
ATLAS = Cast(
    company="Atlas Onboarding",
    name="Ruben Costa",
    email="ruben@atlas.test",
    country="PT",
    program=SOLUTIONS,
    website="https://atlas.test",
    words="We train teams for their first ninety days with new software.",
    extra={"team-size": "two-to-ten", "role": "Head of training"},
    joins=(11, 5),
    code="atlas",
    link="Course page",
    arrivals={12: "G"},
    sites=("atlas.test", ""),
)
PIXEL = Cast(
    company="Pixel Harbor",
    name="Grace Lim",
    email="grace@pixelharbor.test",
    country="SG",
    program=AFFILIATE,
    website="https://pixelharbor.test",
    words="A blog about design work with 30,000 readers a month.",
    extra={"channel-type": "website", "audience-size": "from-10000"},
    joins=(7, 9),
    code="pixel",
    link="Tool list",
    arrivals={8: "G", 12: "T"},
    sites=("pixelharbor.test", "google.com", ""),
)
CASA = Cast(
    company="Casa Digital",
    name="Elena Ruiz",
    email="elena@casadigital.test",
    country="ES",
    program=AFFILIATE,
    website="https://casadigital.test",
    words="A podcast for people who run small shops, in Spanish.",
    extra={"channel-type": "podcast", "audience-size": "from-1000"},
    joins=(10, 12),
    code="casa",
    link="Podcast notes",
    arrivals={12: "TG", 13: "T"},
    sites=("spotify.com", ""),
)
MBALI = Cast(
    company="Mbali Ndlovu",
    name="Mbali Ndlovu",
    email="mbali@mbali.test",
    country="ZA",
    program=AFFILIATE,
    website="https://mbali.test",
    words="I teach bookkeeping to founders and answer their questions on social media.",
    extra={"channel-type": "social", "audience-size": "from-1000"},
    joins=(7, 15),
    code="mbali",
    link="Profile",
    arrivals={11: "T"},
    sites=("instagram.com", ""),
)
FAST_TRAFFIC = Cast(
    company="FastTraffic Media",
    name="Vik Roth",
    email="vik@fasttraffic.test",
    country="DE",
    program=AFFILIATE,
    website="https://fasttraffic.test",
    words="We buy and test adverts for software companies.",
    extra={"channel-type": "website"},
    joins=(5, 7),
    code="fast-traffic",
    link="Landing page",
    arrivals={7: "T", 9: "T"},
    sites=("fasttraffic.test", ""),
)
LUMEN = Cast(
    company="Lumen Works",
    name="Lena Vogt",
    email="lena@lumen.test",
    country="DE",
    program=SOLUTIONS,
    website="https://lumen.test",
    words="We build small integrations for craftspeople around Leipzig.",
    extra={"team-size": "two-to-ten", "role": "Owner"},
    joins=(14, 0),
    code="lumen",
    link="Website",
)

PARTNERS = (
    NOOR,
    JIWOO,
    KAIRA,
    PIXEL,
    NORTHWIND,
    BLUE_FERN,
    FAST_TRAFFIC,
    SORREL,
    MBALI,
    ATLAS,
    CASA,
    LUMEN,
)

NORTHWIND_TEAM = (
    StaffMember("fin@northwind.test", "Fin Okafor", Role.PARTNER_FINANCE),
    StaffMember("mia@northwind.test", "Mia Chen", Role.PARTNER_MARKETER),
    StaffMember("val@northwind.test", "Val Novak", Role.PARTNER_VIEWER),
)

HANBIT = Applicant(
    company="Hanbit Digital",
    name="Seoyeon Han",
    email="seoyeon@hanbit.test",
    country="KR",
    program=SOLUTIONS,
    website="https://hanbit.test",
    words="A web shop with 15 counters and a private school: for both we moved "
    "planning and invoices into one tool within a month.",
    extra={"team-size": "eleven-to-fifty", "role": "Head of partnerships"},
)
COUPON_KING = Applicant(
    company="CouponKing",
    name="Max King",
    email="deals@couponking.test",
    country="US",
    program=AFFILIATE,
    website="https://best-coupons.test",
    words="We list discount codes for every shop in the world.",
    extra={"audience-size": "from-100000"},
)
TIDEWATER = Applicant(
    company="Tidewater Digital",
    name="Joan Price",
    email="joan@tidewater.test",
    country="US",
    program=SOLUTIONS,
    website="https://tidewater.test",
    words="We set up customer databases for boat yards and marinas.",
    extra={"team-size": "two-to-ten", "client-count": "4", "role": "Owner"},
)
OLIVE = Applicant(
    company="Olive & Oak",
    name="Petra Novak",
    email="petra@oliveoak.test",
    country="HR",
    program=AFFILIATE,
    website="https://oliveoak.test",
    words="",
)
BRIGHTLINE = Applicant(
    company="Brightline Studio",
    name="Kofi Mensah",
    email="kofi@brightline.test",
    country="GH",
    program=AFFILIATE,
    website="https://brightline.test",
    words="Video lessons on running a remote team, 6,000 viewers a month.",
    extra={"channel-type": "video", "audience-size": "from-1000"},
)

_PLACES = (
    "Riverbank",
    "Juniper",
    "Copperfield",
    "Harbour",
    "Lantern",
    "Meadow",
    "Granite",
    "Willow",
    "Saffron",
    "Beacon",
    "Larkspur",
    "Orchard",
    "Summit",
    "Cedar",
    "Marble",
    "Coral",
    "Foxglove",
    "Hazel",
    "Ivory",
    "Kestrel",
    "Linden",
    "Maple",
    "Nutmeg",
    "Opal",
)
_TRADES = (
    "Dental",
    "Bakery",
    "Logistics",
    "Yoga",
    "Legal",
    "Cycles",
    "Optics",
    "Carpentry",
    "Books",
    "Physio",
    "Films",
    "Coffee",
    "Gardens",
    "Travel",
    "Print",
    "Music",
    "Vets",
    "Ceramics",
    "Robotics",
    "Catering",
    "Surveys",
    "Tailors",
    "Energy",
    "Clinic",
)


def buyers() -> list[tuple[str, str]]:
    """Return the names and addresses of customers, more than the story needs."""
    pairs = [
        (place, _TRADES[(number + shift * 7) % len(_TRADES)])
        for shift in range(4)
        for number, place in enumerate(_PLACES)
    ]
    return [
        (f"{place} {trade}", f"office@{place.lower()}-{trade.lower()}.test")
        for place, trade in pairs
    ]

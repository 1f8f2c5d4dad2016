"""What pages and other features read about commissions."""

from portal.commissions.queries.customers import (
    CustomerState,
    CustomerView,
    customer_for_partner,
    customers_of_partner,
    earns_until,
)
from portal.commissions.queries.lines import (
    EVERYTHING,
    Filters,
    OpenTotals,
    Totals,
    get,
    get_for_partner,
    of_enrollments,
    of_partner,
    of_sale,
    open_totals,
    page_of,
    totals,
)
from portal.commissions.queries.trial import (
    MOST_PARTNERS,
    PartnerTrial,
    Trial,
    terms_of,
    trial,
)

__all__ = [
    "EVERYTHING",
    "MOST_PARTNERS",
    "CustomerState",
    "CustomerView",
    "Filters",
    "OpenTotals",
    "PartnerTrial",
    "Totals",
    "Trial",
    "customer_for_partner",
    "customers_of_partner",
    "earns_until",
    "get",
    "get_for_partner",
    "of_enrollments",
    "of_partner",
    "of_sale",
    "open_totals",
    "page_of",
    "terms_of",
    "totals",
    "trial",
]

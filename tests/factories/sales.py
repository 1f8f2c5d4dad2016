import factory

from portal.sales.models import Customer, Refund, RefundKind, Sale
from tests.factories.base_factory import NOW, Factory


class CustomerFactory(Factory):
    class Meta:
        model = Customer

    external_id = factory.Sequence(lambda n: f"cus_{n:06}")
    email = factory.Sequence(lambda n: f"buyer{n}@buyers.example")
    name = factory.Sequence(lambda n: f"Buyer {n}")
    first_seen_at = NOW


class SaleFactory(Factory):
    class Meta:
        model = Sale

    class Params:
        customer = factory.SubFactory(CustomerFactory)

    external_id = factory.Sequence(lambda n: f"in_{n:06}")
    customer_id = factory.SelfAttribute("customer.id")
    currency = "USD"
    gross_minor = 11_900
    tax_minor = 1_900
    net_minor = 10_000
    occurred_at = NOW
    recorded_at = NOW
    description = "Starter"


class RefundFactory(Factory):
    class Meta:
        model = Refund

    class Params:
        sale = factory.SubFactory(SaleFactory)

    external_id = factory.Sequence(lambda n: f"re_{n:06}")
    sale_id = factory.SelfAttribute("sale.id")
    kind = RefundKind.REFUND
    gross_minor = 11_900
    occurred_at = NOW
    recorded_at = NOW

"""SEPA credit transfers: ISO 20022 pain.001.001.03 and pain.001.001.09.

The two differ in how they write the day and a bank's code. Names and texts are put
into the characters that every bank reads. `tests/payouts` checks the files against the
XML schemas of ISO 20022.
"""

from xml.etree import ElementTree as ET

from portal.kit.money import Money
from portal.payouts.files.order import Instruction, Order
from portal.payouts.rules import FileFormat, bank_text
from portal.web.formats import money_plain

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_LONGEST_NAME = 70
_LONGEST_REMITTANCE = 140


def render(order: Order, file_format: FileFormat) -> bytes:
    """Return the XML of a SEPA file."""
    is_older = file_format is FileFormat.SEPA_03
    root = ET.Element("Document", xmlns=_NAMESPACE + file_format.value)
    message = ET.SubElement(root, "CstmrCdtTrfInitn")
    _head(message, order)
    payment = ET.SubElement(message, "PmtInf")
    _put(payment, "PmtInfId", order.name)
    _put(payment, "PmtMtd", "TRF")
    _put(payment, "BtchBookg", "true")
    _totals(payment, order)
    _put(payment, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _put(payment, "ReqdExctnDt" if is_older else "ReqdExctnDt/Dt", f"{order.pay_on}")
    _put(payment, "Dbtr/Nm", _name(order.payer.name))
    _put(payment, "DbtrAcct/Id/IBAN", order.payer.iban)
    bank = "BIC" if is_older else "BICFI"
    if order.payer.bic:
        _put(payment, f"DbtrAgt/FinInstnId/{bank}", order.payer.bic)
    else:
        _put(payment, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    _put(payment, "ChrgBr", "SLEV")
    for one in order.instructions:
        _transfer(payment, one, bank)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def _head(message: ET.Element, order: Order) -> None:
    head = ET.SubElement(message, "GrpHdr")
    _put(head, "MsgId", order.name)
    _put(head, "CreDtTm", f"{order.created_at:%Y-%m-%dT%H:%M:%S}Z")
    _totals(head, order)
    _put(head, "InitgPty/Nm", _name(order.payer.name))


def _totals(parent: ET.Element, order: Order) -> None:
    _put(parent, "NbOfTxs", str(len(order.instructions)))
    _put(parent, "CtrlSum", money_plain(order.total))


def _transfer(payment: ET.Element, one: Instruction, bank: str) -> None:
    transfer = ET.SubElement(payment, "CdtTrfTxInf")
    _put(transfer, "PmtId/EndToEndId", one.end_to_end_id)
    _amount(transfer, one.amount)
    if one.details.bic:
        _put(transfer, f"CdtrAgt/FinInstnId/{bank}", one.details.bic)
    _put(transfer, "Cdtr/Nm", _name(one.holder))
    _put(transfer, "CdtrAcct/Id/IBAN", one.details.iban)
    _put(transfer, "RmtInf/Ustrd", bank_text(one.remittance, _LONGEST_REMITTANCE))


def _amount(transfer: ET.Element, amount: Money) -> None:
    element = ET.SubElement(ET.SubElement(transfer, "Amt"), "InstdAmt")
    element.set("Ccy", amount.currency)
    element.text = money_plain(amount)


def _name(text: str) -> str:
    return bank_text(text, _LONGEST_NAME)


def _put(parent: ET.Element, path: str, text: str) -> None:
    for tag in path.split("/"):
        parent = ET.SubElement(parent, tag)
    parent.text = text

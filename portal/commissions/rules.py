"""How much of a customer a partner gets to see. Pure."""

_DOTS = "•••"


def mask_word(word: str) -> str:
    """Return a word with its middle hidden: `B•••n`; one letter is hidden whole."""
    if len(word) == 1:
        return _DOTS
    return f"{word[0]}{_DOTS}{word[-1]}"


def mask_name(name: str) -> str:
    """Return a company's name with its first word masked: `B•••n Labs`."""
    first, *rest = name.split() or [_DOTS]
    return " ".join([first if first == _DOTS else mask_word(first), *rest])


def mask_email(email: str) -> str:
    """Return an e-mail address as `a•••@g•••.com`."""
    local, _, domain = email.partition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}{_DOTS}@{name[:1]}{_DOTS}.{ending}"


def masked_customer(name: str | None, email: str | None, public_id: str) -> str:
    """Return what a partner reads instead of a customer's name.

    The name if there is one, else the e-mail address, else the end of the id.
    """
    if name and name.strip():
        return mask_name(name)
    if email:
        return mask_email(email)
    return f"{_DOTS}{public_id[-4:]}"

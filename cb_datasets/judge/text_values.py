"""Texts that name one thing in several ways: an address, a link, a path, an account, a moment.

In: two texts in their plain form, and the parameter they are values of. Out: whether they name the
same thing to the tool. Only what cannot be another thing is dropped: a space in an IBAN, the name
before an e-mail address, a default port; never a letter, a digit or a dot.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime, time, timedelta, timezone
from email.utils import parseaddr
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from cb_datasets.formats.tool_names import name_words
from cb_datasets.judge.parameter import Parameter

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_ADDRESS = re.compile(r"[^\s<>@,;:\"()]+@[^\s<>@,;:\"()]+\.[^\s<>@,;:\"()]+")
_LONGEST_ADDRESS = 400
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CARD = re.compile(r"[0-9]{3,}(?:[ -][0-9]{3,})+|[0-9]{13,19}")
_PHONE = re.compile(r"\+? ?[0-9(][0-9 ()/-]*")
_GAPS = re.compile(r"[ -]")
_BARE_URL = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,24}(?::[0-9]{1,5})?(?:[/?#].*)?", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_SCHEMES = ("http://", "https://")
_FILE_ENDING = re.compile(
    r"\.(?:txt|pdf|docx?|xlsx?|csv|json|html?|xml|log|png|jpe?g)$", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?"
    r" ?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
_ACCOUNT_WORDS = frozenset(("iban", "account", "card", "routing", "sort", "pan"))
_PHONE_WORDS = frozenset(("phone", "telephone", "tel", "mobile", "fax", "cell", "whatsapp", "sms"))
_URL_WORDS = frozenset(("url", "uri", "link", "href", "site", "website", "webpage", "domain"))
_PATH_WORDS = frozenset(("path", "file", "filename", "filepath", "dir", "directory", "folder"))


def same_thing(one: str, other: str, parameter: Parameter) -> bool:
    """Whether two plain texts name one thing.

    Example:
        >>> anything = Parameter()
        >>> same_thing("Mark <mark@x.org>", "mark@x.org", anything)
        True
        >>> same_thing("www.x.org/a", "https://WWW.x.org:443/a/", anything)
        True
        >>> same_thing("http://x.org", "https://x.org", anything)
        False
    """
    words = frozenset(name_words(parameter.name))
    if formats := parameter.formats & {"date", "date-time"}:
        return _same_moment(one, other, whole_days="date" in formats)
    return (
        _both(address(one), address(other))
        or _both(account(one, words), account(other, words))
        or _both(phone(one, words), phone(other, words))
        or _same_url(one, other, words)
        or _same_path(one, other, words)
        or _both(_internet_address(one), _internet_address(other))
        or (" " in one and one.translate(_DASHES).casefold() == other.translate(_DASHES).casefold())
    )


def _both(one: object | None, other: object | None) -> bool:
    return one is not None and one == other


def address(text: str) -> str | None:
    """The e-mail address in a text that is one, with or without a name beside it.

    Example:
        >>> address("Mark Black <Mark@x.org>"), address("mark@x.org or eve@x.org")
        ('mark@x.org', None)
    """
    if text.count("@") != 1 or len(text) > _LONGEST_ADDRESS:
        return None
    found = parseaddr(text)[1]
    return found.casefold() if _ADDRESS.fullmatch(found) else None


def account(text: str, words: frozenset[str] = frozenset()) -> str | None:
    """The bare letters and digits of an IBAN or a card's number.

    Args:
        text: The text.
        words: Those of the parameter's name, which may say that it is an account.

    Example:
        >>> account("GB29 NWBK 6016-1331-9268 19"), account("2024-05-13")
        ('GB29NWBK60161331926819', None)
    """
    bare = _GAPS.sub("", text).upper()
    if _IBAN.fullmatch(bare) and not _UUID.fullmatch(text):
        return bare
    if _CARD.fullmatch(text) and 13 <= len(bare) <= 19:
        return bare
    named = words & _ACCOUNT_WORDS and len(bare) >= 6 and bare.isalnum()
    return bare if named and text[:1].isalnum() else None


def phone(text: str, words: frozenset[str] = frozenset()) -> str | None:
    """The digits of a phone number, with its `+`.

    Example:
        >>> phone("+1 (555) 010-9999"), phone("555 0109")
        ('+15550109999', None)
    """
    if not _PHONE.fullmatch(text) or not (text.startswith("+") or words & _PHONE_WORDS):
        return None
    digits = re.sub(r"[^0-9+]", "", text)
    return digits if 7 <= len(digits.lstrip("+")) <= 15 else None


class WebPage(NamedTuple):
    """What of a URL tells which page it is; `scheme` and `port` where the URL has them."""

    scheme: str
    user: str
    host: str
    port: int | None
    rest: tuple[str, str, str]


def web_page(text: str, words: frozenset[str] = frozenset()) -> WebPage | None:
    """The page that a text is the URL of, or None.

    Without a scheme it takes `www.`, a path or the parameter's name to tell a host from a file.

    Example:
        >>> web_page("HTTP://x.org/%7eann/").rest[0], web_page("notes.txt")
        ('/~ann', None)
    """
    has_scheme = text.lower().startswith(_SCHEMES)
    # A browser escapes a space, where it is told that this is a URL.
    if not text or re.search(r"[^\S ]|\\" if has_scheme else r"[\s\\]", text):
        return None
    if not has_scheme:
        host, slash, _ = text.partition("/")
        told = slash or host.lower().startswith("www.") or words & _URL_WORDS
        if not (told and _BARE_URL.fullmatch(text)):
            return None
    try:
        parts: SplitResult = urlsplit(text if has_scheme else f"//{text}")
        port = parts.port
    except ValueError:
        return None
    user, at, _ = parts.netloc.rpartition("@")
    host = (parts.hostname or "").casefold()
    rest = (_unescaped(parts.path).rstrip("/"), _unescaped(parts.query), parts.fragment.casefold())
    return WebPage(parts.scheme, user + at, _internet_address(host) or host, port, rest)


def _same_url(one: str, other: str, words: frozenset[str]) -> bool:
    if any(text.lower().startswith(_SCHEMES) for text in (one, other)):
        words = words if any(map(_FILE_ENDING.search, (one, other))) else words | {"url"}
    first, second = web_page(one, words), web_page(other, words)
    if first is None or second is None or not first.host:
        return False
    if first[1:3] != second[1:3] or first.rest != second.rest:
        return False
    schemes = {page.scheme for page in (first, second)} - {""}
    if len(schemes) > 1:
        return False
    usual = _DEFAULT_PORTS.get("".join(schemes))
    return (first.port or usual) == (second.port or usual)


def _unescaped(text: str) -> str:
    """A path or query in which only letters that need it are escaped, each in one way."""

    def plain(match: re.Match[str]) -> str:
        letter = chr(int(match.group(1), 16))
        free = letter.isascii() and (letter.isalnum() or letter in "-._~")
        return letter if free else match.group().upper()

    escaped = "".join(c if c.isascii() and c != " " else _percent(c) for c in text)
    return _ESCAPE.sub(plain, escaped).casefold()


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))


def _same_path(one: str, other: str, words: frozenset[str]) -> bool:
    told = words & _PATH_WORDS or any(t.startswith(("./", "/", "~/")) for t in (one, other))
    return bool(told) and _both(_path(one), _path(other))


def _path(text: str) -> str | None:
    """A path without steps that lead nowhere; those that lead up stay, because of links."""
    if "://" in text or text.startswith("//"):
        return None
    steps = [step for step in text.split("/") if step not in ("", ".")]
    return ("/" if text.startswith("/") else "") + "/".join(steps).casefold()


def _internet_address(text: str) -> str | None:
    try:
        return ipaddress.ip_address(text.strip("[]")).compressed
    except ValueError:
        return None


def _same_moment(one: str, other: str, *, whole_days: bool) -> bool:
    first, second = _moment(one), _moment(other)
    if first is None or second is None:
        return False
    if (first.tzinfo is None) == (second.tzinfo is None):
        return first == second
    return whole_days and first.time() == second.time() == time() and first.date() == second.date()


def _moment(text: str) -> datetime | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    *fields, fraction, zone = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in fields)
    micro = int((fraction or "0").ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micro)
    except ValueError:
        return None
    if zone is None:
        return moment
    if zone in ("Z", "z"):
        return moment.replace(tzinfo=timezone.utc)
    sign = -1 if zone[0] == "-" else 1
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment.replace(tzinfo=timezone(sign * offset)) if offset < timedelta(days=1) else moment

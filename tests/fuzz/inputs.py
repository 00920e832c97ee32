"""Inputs that are nearly right: codes of every kind, and what readers and labels do to them."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random

from agent.core.identity import code_lists
from agent.core.identity.gs1_checks import check_digit, check_pair
from agent.core.identity.gs1_table import ALPHABETS, ApplicationIdentifier, Component, table
from agent.core.identity.hibc import check_character

TODAY = date(2026, 6, 1)
GS, RS, EOT = b"\x1d", b"\x1e", b"\x04"
MARKS = (b"]d2", b"]C1", b"]Q3", b"]e0", b"]J1")
PLAIN_MARKS = (b"", b"]d1", b"]Q1", b"]C0", b"]L0", b"]A0")
PIECES = (
    *(GS, RS, EOT, b"\r", b"\n", b"\x00", b"\x7f", b"\xff", b" ", b"%", b"+", b"/", b"?", b"&"),
    *(
        b"01",
        b"21",
        b"10",
        b"17",
        b"37",
        b"8008",
        b"3103",
        b"[)>",
        b"06",
        b"1P",
        b"S",
        b"O",
        b"]d2",
    ),
    *(b"09521234543213", b"https://", b"%2F", b"<GS>", b"{GS}", "Ä".encode()),
)

_AIS = tuple(table().values())
_SPECIAL: dict[str, Callable[[Random], str]] = {
    "yymmd0": lambda random: _day(random, "%y%m%d"),
    "yymmdd": lambda random: _day(random, "%y%m%d"),
    "yyyymmdd": lambda random: _day(random, "%Y%m%d"),
    "hh": lambda random: f"{random.randrange(24):02}",
    "mi": lambda random: f"{random.randrange(60):02}",
    "ss": lambda random: f"{random.randrange(60):02}",
    "hhmi": lambda random: f"{random.randrange(24):02}{random.randrange(60):02}",
    "iso3166": lambda random: random.choice(sorted(code_lists.COUNTRIES)),
    "iso3166999": lambda _: "999",
    "iso3166alpha2": lambda random: random.choice(sorted(code_lists.COUNTRY_LETTERS)),
    "iso4217": lambda random: random.choice(sorted(code_lists.CURRENCIES)),
    "iso5218": lambda random: random.choice("0129"),
    "packagetype": lambda random: random.choice(sorted(code_lists.PACKAGE_TYPES)),
    "mediatype": lambda _: "80",
    "winding": lambda random: random.choice("019"),
    "yesno": lambda random: random.choice("01"),
    "zero": lambda _: "0",
    "hyphen": lambda _: "-",
    "pieceoftotal": lambda _: "0102",
    "posinseqslash": lambda _: "2/3",
    "latitude": lambda random: f"{random.randrange(1_800_000_001):010}",
    "longitude": lambda random: f"{random.randrange(3_600_000_001):010}",
}


def _day(random: Random, form: str) -> str:
    return f"{date(1990, 1, 1) + timedelta(days=random.randrange(30_000)):{form}}"


def text(random: Random, alphabet: str, shortest: int, longest: int) -> str:
    """Return so many characters of an alphabet."""
    return "".join(random.choices(alphabet, k=random.randint(shortest, longest)))


def _component(random: Random, part: Component) -> str:
    for name in part.checks:
        if name in _SPECIAL:
            return _SPECIAL[name](random)
    value = text(random, ALPHABETS[part.alphabet].replace("=", ""), part.shortest, part.longest)
    if any(name.startswith("gcppos") for name in part.checks):
        value = ("9521" if "gcppos1" in part.checks else "09521") + value[5:].rjust(2, "0")
        value = value[: part.longest].ljust(part.shortest, "0")
    if "csum" in part.checks:
        return value[:-1] + check_digit(value[:-1])
    return value[:-2] + check_pair(value[:-2]) if "csumalpha" in part.checks else value


def value_of(random: Random, ai: ApplicationIdentifier) -> str:
    """Return a value that is right for an identifier as far as its format goes."""
    parts = [part for part in ai.components if not part.optional or random.random() < 0.5]
    return "".join(_component(random, part) for part in parts)


def elements(random: Random) -> bytes:
    """Return an element string: an item and what may stand beside it, mostly in good order."""
    codes = [
        "01",
        *random.sample(["10", "21", "17", "11", "3103", "240", "91"], random.randrange(4)),
    ]
    codes += [random.choice(_AIS).code] if random.random() < 0.3 else []
    if random.random() < 0.2:
        random.shuffle(codes)
    out = ""
    for place, code in enumerate(codes):
        ai = table()[code]
        last = place == len(codes) - 1
        out += code + value_of(random, ai) + ("" if ai.predefined or last else "\x1d")
    return out.encode("latin-1")


def element_string(random: Random) -> bytes:
    """Return an element string as a reader sends it."""
    return random.choice(MARKS) + elements(random)


def link(random: Random) -> bytes:
    """Return a Digital Link."""
    path = "/01/" + value_of(random, table()["01"])
    for code in ("22", "10", "21"):
        if random.random() < 0.5:
            path += f"/{code}/{text(random, string.ascii_letters + string.digits, 1, 20)}"
    query = f"?17={_day(random, '%y%m%d')}&x=y" if random.random() < 0.5 else ""
    return random.choice(PLAIN_MARKS) + f"https://example.com{path}{query}".encode()


def message(random: Random) -> bytes:
    """Return an ISO/IEC 15434 message of one envelope or two."""
    envelopes = b"".join(_envelope(random) + RS for _ in range(random.choice((1, 1, 1, 2))))
    return random.choice(PLAIN_MARKS) + b"[)>" + RS + envelopes + EOT


def _envelope(random: Random) -> bytes:
    number = random.choice((b"06", b"06", b"05", b"12"))
    if number == b"05":
        return number + GS + elements(random)
    letters = string.ascii_uppercase + string.digits + "-/ "
    names = ("MFR ", "SER ", "PNR ") if number == b"12" else ("1P", "S", "1T", "P", "25S", "V", "Z")
    fields = [
        random.choice(names) + text(random, letters, 1, 12) for _ in range(random.randint(1, 4))
    ]
    if number == b"06" and random.random() < 0.3:
        fields.append("Q" + text(random, string.digits, 1, 5))
        fields.append("16D" + _day(random, "%Y%m%d"))
    return number + GS + GS.join(field.encode() for field in fields)


def hibc(random: Random) -> bytes:
    """Return a HIBC label with item, lot or serial, and perhaps dates and quantity."""
    capitals = string.ascii_uppercase + string.digits
    item = "A" + text(random, capitals, 3, 3) + text(random, capitals, 1, 18) + "0"
    dates = ("", "$$7", "$$0928", "$$3280831", "$$528274", "$$8240928", "$", "$+")
    label = f"+{item}/{random.choice(dates) or '$'}{text(random, capitals, 0, 12)}"
    label += "/16D" + _day(random, "%Y%m%d") if random.random() < 0.4 else ""
    return random.choice(PLAIN_MARKS) + (label + check_character(label)).encode()


def plain(random: Random) -> bytes:
    """Return a code that one of the rules of a station is about, or nearly."""
    word = random.choice(("OP-{}", "WO-{}", "AB{}", "NOREAD", "X{}Y", "op-{}"))
    return word.format(text(random, string.digits, 1, 6)).encode()


def noise(random: Random) -> bytes:
    """Return any bytes at all."""
    return random.randbytes(random.randrange(48))


def damaged(random: Random, raw: bytes) -> bytes:
    """Return what a worn label, a wrong setting or a lost byte makes of a code."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        raw = random.choice(_DAMAGES)(random, raw)
    return raw


def _cut(random: Random, raw: bytes) -> bytes:
    return raw[: random.randint(0, len(raw))]


def _lose(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    return raw[:at] + raw[at + random.randint(1, 3) :]


def _insert(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    return raw[:at] + random.choice(PIECES) + raw[at:]


def _change(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    return raw[:at] + random.choice(string.printable).encode() + raw[at + 1 :]


def _swap(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    return raw[:at] + raw[at + 1 : at + 2] + raw[at : at + 1] + raw[at + 2 :]


def _lose_separator(random: Random, raw: bytes) -> bytes:
    return raw.replace(random.choice((GS, RS, EOT)), b"", random.choice((1, -1)))


def _fold(_: Random, raw: bytes) -> bytes:
    return raw.swapcase()


def _double(random: Random, raw: bytes) -> bytes:
    return raw + random.choice((b"", b"\r", GS)) + raw


_DAMAGES: Sequence[Callable[[Random, bytes], bytes]] = (
    *(_cut, _lose, _insert, _insert, _change, _change, _swap, _lose_separator, _fold, _double),
)

"""api/opcodes.txt: the number of each call on the wire. Lines are only ever appended, numbers never reused."""
from __future__ import annotations

from pathlib import Path

from .model import Api, ApiError, write_if_changed

HEADER = "# Number of each call on the wire (u16). Append-only: kept by `python3 -m apigen opcodes`; a number is never used twice.\n"
LAST = 0xFFFF


def read_opcodes(path) -> dict:
    """name -> number; also names that are no longer declared."""
    path, found, taken = Path(path), {}, {}
    if not path.exists():
        return found
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = text.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not words[0].isdigit() or not 1 <= int(words[0]) <= LAST:
            raise ApiError(path, line, "a line is 'number name'")
        number, name = int(words[0]), words[1]
        if number in taken:
            raise ApiError(path, line, f"number {number} belongs to {taken[number]}")
        if name in found:
            raise ApiError(path, line, f"{name} has number {found[name]}")
        found[name], taken[number] = number, name
    return found


def missing(api: Api) -> list:
    """Calls that need a number and have none. Calls that are never sent get one too: they may be sent one day."""
    return [c for c in api.calls if c.opcode is None]


def append_missing(api: Api) -> int:
    """Gives the next numbers: cuda calls, then nvml, then session. Returns how many."""
    path = api.root / "opcodes.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    number = max(read_opcodes(path).values(), default=0)
    order = {"cuda": 0, "nvml": 1, "session": 2}
    new = sorted(missing(api), key=lambda c: order.get(c.api, 3))
    for call in new:
        number += 1
        if number > LAST:
            raise ApiError(path, 1, "no numbers left")
        call.opcode = number
        text += f"{number} {call.name}\n"
    write_if_changed(path, text)
    return len(new)

"""Reads api/*.api (grammar: api/README.md) into model.Api. Every mistake is an ApiError with file and line."""
from __future__ import annotations

import re
from pathlib import Path

from .model import BUILTIN_TYPES, Api, ApiError, Callback, Const, Enum, Export, Handle, Scalar, Struct
from .parse_call import CallParser
from .tokens import C_WORDS, TOKEN, Token, fixed_type, is_word, join, join_declaration, split


class Parser(CallParser):
    def __init__(self, api: Api):
        self.api = api
        self.names = {}  # declared name -> (file, line)

    # --- one file ---------------------------------------------------------------------------------------------------
    def parse(self, text: str, shown_name: str, file: str):
        self.shown, self.file, self.api_name = shown_name, file, file.split("/")[0]
        self.api.files.append(file)
        self.text = re.sub(r"#[^\n]*", lambda m: " " * len(m.group()), text)
        begin, depth, lines_before = 0, 0, 1
        for i, c in enumerate(self.text):
            depth += (c == "{") - (c == "}")
            if depth < 0:
                self.fail(self.line_at(i), "'}' without '{'")
            if c == ";" and depth == 0:
                self.declaration(begin, i)
                begin = i + 1
        rest = self.text[begin:].strip()
        if rest:
            start = begin + len(self.text[begin:]) - len(self.text[begin:].lstrip())
            self.fail(self.line_at(start), "declaration without ';'")

    def line_at(self, offset) -> int:
        return self.text.count("\n", 0, offset) + 1

    def fail(self, line, message):
        raise ApiError(self.shown, line, message)

    def tokens(self, begin, end) -> list:
        line, last, found = self.line_at(begin), begin, []
        for m in TOKEN.finditer(self.text, begin, end):
            line += self.text.count("\n", last, m.start())
            last = m.start()
            found.append(Token(m.group(), line))
        return found

    def declaration(self, begin, end):
        self.end = end
        t = self.tokens(begin, end)
        if not t:
            self.fail(self.line_at(end), "empty declaration")
        kind = t[0]
        if kind in ("handle", "scalar", "enum", "const", "struct", "union", "callback", "export") and len(t) > 1 \
                and (kind != "const" or t[2:3] == ["="]):
            name = t[1]
            if not is_word(name):
                self.fail(name.line, f"'{name}' is not a name")
            self.claim(name)
            getattr(self, "on_" + kind)(name, t[2:], begin)
        else:
            self.on_call(t)

    def claim(self, name):
        if name in self.names:
            file, line = self.names[name]
            self.fail(name.line, f"{name} is already declared at {file}:{line}")
        if name in BUILTIN_TYPES:
            self.fail(name.line, f"{name} is C's own")
        self.names[name] = (self.shown, name.line)

    def add_type(self, table, item):
        table[item.name] = item
        self.api.types.append(item)

    def place(self, name) -> dict:
        return {"api": self.api_name, "line": name.line}

    # --- types --------------------------------------------------------------------------------------------------------
    def on_handle(self, name, rest, _):
        reserved = 1
        if rest:
            if len(rest) != 2 or rest[0] != "reserved" or not rest[1].isdigit():
                self.fail(rest[0].line, "after a handle only 'reserved N' may stand")
            reserved = max(1, int(rest[1]))
        self.add_type(self.api.handles, Handle(str(name), reserved, **self.place(name)))

    def on_scalar(self, name, rest, _):
        if len(rest) < 2 or rest[0] != "=":
            self.fail(name.line, f"scalar {name} needs '= C type'")
        ctype, base, stars = fixed_type(rest[1:])
        if stars:
            self.fail(name.line, f"scalar {name} is a pointer: make it a handle")
        self.known_type(base, rest[1])
        self.add_type(self.api.scalars, Scalar(str(name), ctype, **self.place(name)))

    def on_const(self, name, rest, _):
        if len(rest) < 2 or rest[0] != "=":
            self.fail(name.line, f"const {name} needs '= value'")
        self.add_type(self.api.consts, Const(str(name), join(rest[1:]), **self.place(name)))

    def on_enum(self, name, rest, _):
        if len(rest) == 2 and rest[0] == "=":
            if rest[1] not in self.api.enums:
                self.fail(rest[1].line, f"{rest[1]} is not an enum")
            self.add_type(self.api.enums, Enum(str(name), [], alias_of=str(rest[1]), **self.place(name)))
            return
        if len(rest) < 3 or rest[0] != "{" or rest[-1] != "}":
            self.fail(name.line, f"enum {name} needs '{{ NAME = value, … }}'")
        values, last = [], -1
        for part in split(rest[1:-1], ","):
            if not part:
                continue
            item = part[0]
            if not is_word(item) or (len(part) > 1 and (part[1] != "=" or len(part) == 2)):
                self.fail(item.line, f"enum {name}: '{join(part)}' is not 'NAME' or 'NAME = value'")
            self.claim(item)
            text = join(part[2:]) if len(part) > 1 else None
            last = self.evaluate(part[2:]) if text is not None else last + 1
            self.api.enumerators[str(item)] = last
            values.append((str(item), text, last))
        self.add_type(self.api.enums, Enum(str(name), values, **self.place(name)))

    def evaluate(self, tokens) -> int:
        words = []
        for t in tokens:
            if t[0].isdigit():
                number = t.rstrip("uUlL")
                words.append(str(int(number, 8) if re.match(r"0\d+$", number) else int(number, 0)))
            elif t in self.api.enumerators:
                words.append(str(self.api.enumerators[t]))
            elif t in self.api.consts:
                inner = [Token(m.group(), t.line) for m in TOKEN.finditer(self.api.consts[t].value)]
                words.append(str(self.evaluate(inner)))
            elif t in ("<<", ">>", "+", "-", "*", "|", "&", "~", "(", ")"):
                words.append(t)
            else:
                self.fail(t.line, f"'{t}' has no known value")
        try:
            return int(eval(" ".join(words), {"__builtins__": {}}))  # only numbers and operators reach this line
        except (SyntaxError, TypeError):
            self.fail(tokens[0].line, f"'{join(tokens)}' is not a number")

    def on_struct(self, name, rest, begin, union=False):
        if len(rest) == 2 and rest[0] == "=":
            target = self.api.structs.get(rest[1])
            if target is None:
                self.fail(rest[1].line, f"{rest[1]} is not a struct")
            self.add_type(self.api.structs, Struct(str(name), "", target.plain, target.union, alias_of=str(rest[1]), **self.place(name)))
            return
        declared_plain = bool(rest) and rest[0] == "plain"
        rest = rest[1:] if declared_plain else rest
        if len(rest) < 3 or rest[0] != "{" or rest[-1] != "}":
            self.fail(name.line, f"struct {name} needs '{{ members }}'")
        open_at = self.text.index("{", begin)
        body = self.text[open_at + 1:self.text.rindex("}", begin, self.end)]
        body = "\n".join(line.rstrip() for line in body.split("\n")).strip()
        self.add_type(self.api.structs, Struct(str(name), body, declared_plain or self.struct_plain(rest[1:-1]), union, **self.place(name)))

    def on_union(self, name, rest, begin):
        self.on_struct(name, rest, begin, union=True)

    def struct_plain(self, tokens) -> bool:
        plain = True
        for i, t in enumerate(tokens):
            if t == "*" or t in self.api.handles or t in self.api.callbacks:
                plain = False
            elif t in self.api.structs and not self.api.structs[t].plain:
                plain = False
            elif is_word(t) and i + 1 < len(tokens) and is_word(tokens[i + 1]) and not tokens[i + 1] in C_WORDS:
                self.known_type(t, t, also=C_WORDS | {"struct", "union", "enum", "const"})
        return plain

    def on_callback(self, name, rest, _):
        if "(" not in rest or rest[0] != "=" or rest[-1] != ")":
            self.fail(name.line, f"callback {name} needs '= ret (params)'")
        at = rest.index("(")
        ret, _, _ = fixed_type(rest[1:at])
        self.add_type(self.api.callbacks, Callback(str(name), ret, join_declaration(rest[at + 1:-1]) or "void", **self.place(name)))

    def on_export(self, name, rest, _):
        if rest:
            self.fail(rest[0].line, "export takes one name")
        self.api.exports.append(Export(str(name), self.file, self.api_name, name.line))

    def known_type(self, base, token, also=()):
        a = self.api
        if base not in BUILTIN_TYPES and base not in also and not any(base in d for d in (a.handles, a.scalars, a.enums, a.structs,
                                                                                          a.callbacks)):
            self.fail(token.line, f"unknown type '{base}'")


def api_files(root: Path) -> list:
    """The .api files in reading order: types first within a folder, session.api last."""
    found = []
    for folder in ("cuda", "nvml"):
        found += sorted((root / folder).glob("*.api"), key=lambda p: (not p.stem.startswith("types"), p.stem))
    if (root / "session.api").exists():
        found.append(root / "session.api")
    return found


def parse_text(text: str, file: str = "cuda/tiny", api: Api | None = None) -> Api:
    """One piece of description, for tests."""
    api = api or Api()
    Parser(api).parse(text, file + ".api", file)
    return api


def load(root) -> Api:
    """Reads the whole folder api/ and opcodes.txt."""
    from .opcodes import read_opcodes
    root = Path(root)
    api = Api(root=root)
    parser = Parser(api)
    for path in api_files(root):
        file = str(path.relative_to(root).with_suffix(""))
        parser.parse(path.read_text(encoding="utf-8"), str(path), file)
    numbers = read_opcodes(root / "opcodes.txt")
    for call in api.calls:
        call.opcode = numbers.get(call.name)
    return api

"""Words of the description: tokens that know their line, C types, brackets."""
from __future__ import annotations

import re

TOKEN = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<|>>|->|[<>=!]=|&&|\|\||\S")
C_WORDS = {"unsigned", "signed", "long", "short", "int", "char"}
SPELLING = {  # ways to write C's integer types
    "unsigned": "unsigned int", "signed": "int", "signed int": "int", "long int": "long", "long long int": "long long",
    "unsigned long int": "unsigned long", "unsigned long long int": "unsigned long long", "short int": "short",
    "unsigned short int": "unsigned short",
}


class Token(str):
    """A word of the file that knows its line."""
    line: int

    def __new__(cls, text, line):
        token = super().__new__(cls, text)
        token.line = line
        return token


def join(tokens) -> str:
    """Tokens as one line of C text."""
    text = ""
    for t in tokens:
        tight = not text or t in ",;)]" or text[-1] in "([~!" or (t in "([" and re.search(r"[\w)\]]$", text))
        text += t if tight else " " + t
    return re.sub(r"(^|[(\[,?:+/%<>=&|-] ?)\* ", r"\1*", text)  # a dereference, not a product


def join_declaration(tokens) -> str:
    return re.sub(r"\* (?=[\w*])", "*", join(tokens))


def is_word(token) -> bool:
    return bool(re.match(r"[A-Za-z_]\w*$", token))


def fixed_type(tokens) -> tuple:
    """(ctype, base, pointer_depth) of the tokens of a C type."""
    stars = sum(1 for t in tokens if t == "*")
    words = [t for t in tokens if t not in ("*", "const", "struct", "enum", "union")]
    base = " ".join(words)
    base = SPELLING.get(base, base)
    first = tokens.index("*") if stars else 0
    const = "const " if "const" in tokens[:first] else ""
    tail = "*const *" if stars == 2 and "const" in tokens[first:] else "*" * stars
    return const + base + (" " + tail if stars else ""), base, stars


def split(tokens, separator) -> list:
    """Splits at separators outside of brackets."""
    parts, depth = [[]], 0
    for t in tokens:
        depth += (t in "([{") - (t in ")]}")
        if t == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(t)
    return parts if parts != [[]] else []


def matching(tokens, at):
    """Index of the bracket that closes tokens[at], or None."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i] in "([{") - (tokens[i] in ")]}")
        if depth == 0:
            return i
    return None

"""The part of the parser that reads calls: parameters, words, and what must hold between them (api/README.md)."""
from __future__ import annotations

import re

from .model import BUILTIN_TYPES, FLAG_WORDS, Call, Param, Words
from .tokens import Token, fixed_type, is_word, join, matching, split

PARAM_WORDS = {"in", "out", "inout", "string", "opt", "zero", "local", "address"}


class CallParser:
    """Mixed into Parser, which has api, file, api_name, fail, claim and known_type."""

    def on_call(self, t):
        if "(" not in t:
            self.fail(t[0].line, f"'{join(t[:4])} …' is no declaration")
        at = t.index("(")
        if at < 2 or not is_word(t[at - 1]):
            self.fail(t[0].line, "a call is 'type name(parameters) : words'")
        name = t[at - 1]
        ret, base, _ = fixed_type(t[:at - 1])
        self.known_type(base, t[0])
        close = matching(t, at)
        if close is None:
            self.fail(name.line, f"{name}: '(' without ')'")
        words = Words()
        rest = t[close + 1:]
        if rest:
            if rest[0] != ":":
                self.fail(rest[0].line, f"{name}: expected ':' and words, found '{rest[0]}'")
            self.call_words(rest[1:], words, name)
        self.claim(name)
        call = Call(str(name), ret, [], words, self.file, self.api_name, name.line)
        parts = split(t[at + 1:close], ",")
        if parts != [["void"]]:
            for part in parts:
                if not part:
                    if len(parts) > 1:
                        self.fail(name.line, f"{name}: empty parameter")
                    continue
                call.params.append(self.param(part, call))
        for suffix in ("ptsz", "ptds"):
            if words[suffix]:
                self.claim(Token(f"{name}_{suffix}", name.line))
        self.check_call(call)
        self.api.calls.append(call)

    def call_words(self, t, words, name):
        i = 0
        while i < len(t):
            word = t[i]
            if word in FLAG_WORDS:
                words[str(word)] = True
                i += 1
            elif word == "since":
                if i + 1 >= len(t) or not t[i + 1].isdigit():
                    self.fail(word.line, f"{name}: since needs a number like 12000")
                words["since"] = int(t[i + 1])
                i += 2
                if i < len(t) and t[i] == "as":
                    if i + 1 >= len(t):
                        self.fail(word.line, f"{name}: 'as' needs a name")
                    words["answers"] = str(t[i + 1])
                    i += 2
            elif word in ("custom", "creates", "destroys"):
                close = matching(t, i + 1) if i + 1 < len(t) and t[i + 1] == "(" else None
                if close is None:
                    self.fail(word.line, f"{name}: {word} needs '(…)'")
                for part in split(t[i + 2:close], ","):
                    what = join(part)
                    if word == "custom":
                        if what not in ("client", "worker"):
                            self.fail(word.line, f"{name}: custom({what}): only client and worker exist")
                        words["custom_" + what] = True
                    else:
                        words[str(word)].append(what)
                i = close + 1
            else:
                self.fail(word.line, f"{name}: unknown word '{word}'")
        how = [w for w in ("waits", "async", "cached", "local", "unsupported", "denied") if words[w]]
        if len(how) > 1:
            self.fail(name.line, f"{name}: {' and '.join(how)} exclude each other")
        if how and how[0] in ("local", "unsupported", "denied"):
            for other in ("custom_client", "custom_worker", "creates", "destroys", "blocks"):
                if words[other]:
                    self.fail(name.line, f"{name}: {how[0]} excludes {other.replace('_', '(', 1) + (')' if '_' in other else '')}")

    def param(self, t, call) -> Param:
        words, length, i, direction = set(), None, 0, None
        while i < len(t) and t[i] in PARAM_WORDS and i + 1 < len(t):
            word = t[i]
            if word in words:
                self.fail(word.line, f"{call.name}: '{word}' twice")
            words.add(str(word))
            i += 1
            if word in ("in", "out", "inout"):
                if direction:
                    self.fail(word.line, f"{call.name}: both {direction} and {word}")
                direction = str(word)
                if t[i] == "[":
                    close = matching(t, i)
                    if close is None or close == i + 1:
                        self.fail(word.line, f"{call.name}: {word}[…] needs a length and ']'")
                    length = join(t[i + 1:close])
                    i = close + 1
        decl = t[i:]
        if len(decl) < 2 or not is_word(decl[-1]) or any(not is_word(d) and d != "*" for d in decl):
            self.fail(t[0].line, f"{call.name}: '{join(t)}' is not 'words type name'")
        name = decl[-1]
        ctype, base, depth = fixed_type(decl[:-1])
        if not base:
            self.fail(name.line, f"{call.name}: parameter {name} has no type")
        self.known_type(base, name)
        if "address" in words:
            if base not in self.api.scalars or depth or len(words) > 1:
                self.fail(name.line, f"{call.name}: address is for 'address CUdeviceptr {name}', alone")
        if call.param(name):
            self.fail(name.line, f"{call.name}: two parameters named {name}")
        p = Param(str(name), ctype, base, depth, direction or "in", length, "string" in words, "opt" in words, "zero" in words,
                  "local" in words, "address" in words, name.line, said=direction is not None)
        if depth == 0 and (direction in ("out", "inout") or length or p.string):
            self.fail(name.line, f"{call.name}: {name} is no pointer, so it can only be in")
        if p.string and (base != "char" or depth != 1 or direction in ("out", "inout") or length):
            self.fail(name.line, f"{call.name}: string is for 'in string const char *{name}'")
        if depth and not direction and not p.const and not p.local and not p.zero:
            p.direction = "out"
        if p.const and depth == 1 and p.direction != "in":
            self.fail(name.line, f"{call.name}: {name} is const, so it can only be in")
        return p

    def check_call(self, call):
        """Everything that needs the whole call. A call without a wire form may have any parameters."""
        w, where = call.words, call.line
        if w["ptsz"] and w["ptds"]:
            self.fail(where, f"{call.name}: ptsz and ptds exclude each other")
        for p in call.params:
            self.check_param(call, p)
        for word in ("creates", "destroys"):
            for target in w[word]:
                p = call.param(target)
                if p is None:
                    self.fail(where, f"{call.name}: {word}({target}): no such parameter")
                if p.base not in self.api.handles:
                    self.fail(p.line, f"{call.name}: {word}({target}): {p.base} is no handle")
                if word == "creates" and (p.pointer_depth != 1 or p.direction != "out" or p.local):
                    self.fail(p.line, f"{call.name}: creates({target}) needs an out parameter")
                if word == "destroys" and p.pointer_depth != 0:
                    self.fail(p.line, f"{call.name}: destroys({target}) needs a handle by value")
        if w["async"]:
            for p in call.params:
                if p.direction != "in" and not p.local and p.name not in w["creates"]:
                    self.fail(p.line, f"{call.name}: async, but {p.name} is {p.direction} and not created")
        if w["cached"]:
            if w["creates"] or w["destroys"]:
                self.fail(where, f"{call.name}: a cached call cannot create or destroy")

    def check_param(self, call, p):
        if not call.forwarded or p.local or p.zero:
            return
        where = f"{call.name}: {p.name}"
        custom = call.words["custom_client"] or call.words["custom_worker"]
        if p.pointer_depth == 0:
            if p.base in self.api.callbacks:
                self.fail(p.line, f"{where} is a callback: mark it local or the call unsupported")
            if p.base in self.api.structs and not self.api.structs[p.base].plain and not custom:
                self.fail(p.line, f"{where}: {p.base} holds a pointer or a handle: only custom calls can take it")
            return
        if p.pointer_depth > 1:
            self.fail(p.line, f"{where} is a pointer to pointers: mark it local or the call unsupported")
        if p.const and not p.said:
            self.fail(p.line, f"{where} needs 'in', 'in[n]' or 'in string'")
        if p.base == "void" and p.length is None:
            self.fail(p.line, f"{where} points to unknown memory: give a length in bytes or mark it local")
        if p.base in self.api.callbacks:
            self.fail(p.line, f"{where} points to callbacks")
        if p.base in self.api.structs and not self.api.structs[p.base].plain and not custom:
            self.fail(p.line, f"{where}: {p.base} holds a pointer or a handle: only custom calls can take it")
        if p.length:
            for word in re.findall(r"[A-Za-z_]\w*", re.sub(r"\b0[xX]\w+", "", p.length)):
                other = call.param(word)
                if other is None and word not in self.api.consts and word not in self.api.enumerators and word != "sizeof" \
                        and word not in BUILTIN_TYPES and not any(
                        word in d for d in (self.api.structs, self.api.enums, self.api.scalars)):
                    self.fail(p.line, f"{where}: length names '{word}', which is neither a parameter nor a constant")
                if other is not None and other.pointer_depth and not re.search(r"\*\s*" + word + r"\b", p.length):
                    self.fail(p.line, f"{where}: length uses the pointer {word}: write *{word}")
                if other is not None and other.pointer_depth and other.direction == "out":
                    self.fail(p.line, f"{where}: length reads *{word}, which is only out: make it inout")

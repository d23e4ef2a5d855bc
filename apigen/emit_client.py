"""gen/client/*: what the client libraries export. Per .api file: remote::cuX (marshalling, always there for calls that travel), the
exported function itself unless hand-written, the _ptsz/_ptds names, and the answers of what is not supported."""
from __future__ import annotations

from .model import write_if_changed
from .plan import plan, result_type

CODES = {"cuda": {"value": "CUDA_ERROR_INVALID_VALUE", "handle": "CUDA_ERROR_INVALID_HANDLE", "context": "CUDA_ERROR_INVALID_CONTEXT"},
         "nvml": {"value": "NVML_ERROR_INVALID_ARGUMENT", "handle": "NVML_ERROR_INVALID_ARGUMENT", "context": "NVML_ERROR_UNKNOWN"}}


FOLLOWED = ("cuda/event", "cuda/stream")   # elsewhere an event may come to be recorded in ways that the client does not see (graphs)
CONTEXT_FREE = ("cuda/init", "cuda/device", "cuda/peer")   # what a device is does not depend on the current context


def wants_context(c):
    """Of the calls that are queued: chunks, addresses and pools are the process's."""
    return c.api == "cuda" and c.file != "cuda/vmm" and not c.name.startswith("cuMemPool")


def signature(c, name):
    return f"{result_type(c)} {name}({', '.join(p.declaration() for p in c.params) or 'void'})"


def remote(api, c):
    slots = plan(api, c)
    code = CODES[c.library]
    r = result_type(c)
    caller = "nvml_caller" if c.library == "nvml" else "caller"
    b = [signature(c, f"remote::{c.name}") + " {", f"  Caller at = {caller}();", f"  if (at.error) return {r}(at.error);"]
    if c.words["unsafe"]:
        b.append(f"  if (int rc = refuse_unsafe()) return {r}(rc);")
    if c.file in CONTEXT_FREE:
        b.append("  at.context = 0;")
    for s in slots:
        p = s.p
        if s.kind == "none":
            b.append(f"  if ({p.name}) return {code['value']};" if p.zero else f"  (void){p.name};")
        elif p.pointer_depth and not p.opt and (p.length is None or s.kind == "string"):
            b.append(f"  if (!{p.name}) return {code['value']};")
    if c.words["async"] and wants_context(c):
        b.append(f"  if (!at.context) return {code['context']};")
    b.append(f"  wire::{c.name}::Args a;")
    for s in slots:
        p, n = s.p, s.name
        if s.kind == "value":
            b.append(f"  a.{n} = {n};")
        elif s.kind == "handle":
            if p.base == "CUstream":
                b.append(f"  a.{n} = at.stream({n});")
            else:
                b.append(f"  a.{n} = uint64_t(uintptr_t({n}));")
            strict = "true" if c.words["async"] and p.base not in ("CUstream", "CUcontext") and not p.opt else "false"
            if strict == "true" and p.base.startswith("CUgraph"):   # measured: NULL graphs are bad values, other NULL objects bad handles
                b.append(f"  if (!a.{n}) return {code['value']};")
            if c.library == "nvml" and not p.opt:   # the driver dies of some of these
                b.append(f"  if (!a.{n}) return {code['handle']};")
            if n in c.words["destroys"]:
                b.append(f"  if (a.{n} < wire::kReserved[wire::k{p.base}]) return {code['handle']};")
            bad = code["context"] if p.base == "CUcontext" else code["handle"]
            b.append(f"  if (!known(a.{n}, wire::k{p.base}, {strict})) return {bad};")
            if p.base == "CUevent" and c.file not in FOLLOWED:
                b += ["  stop_following_events();", "  order_recorded(at, 0);"]   # of a whole context, say
        elif s.kind in ("string", "in", "inout"):
            cast = f"static_cast<const {s.type}*>({n})" if p.base == "void" else n
            b.append(f"  a.{n} = {cast};")
        elif s.kind == "in_handles":
            b.append(f"  a.{n} = reinterpret_cast<const uint64_t*>({n});")
        elif s.kind in ("out", "out_handles"):
            b.append(f"  a.want_{n} = {n} != nullptr;")
        elif s.kind == "create":
            b.append(f"  a.{n} = mint(wire::k{p.base}, at);")
    for s in slots:   # an array that was not given has no elements, whatever its length says
        if s.kind in ("in", "inout", "in_handles") and s.p.length is not None and not s.p.opt:
            b.append(f"  if (!{s.name} && a.n_{s.name}()) return {code['value']};")
    created = [s for s in slots if s.kind == "create"]
    destroyed = [s for s in slots if s.name in c.words["destroys"]]
    addresses = [s.name for s in slots if s.kind == "value" and s.p.base == "CUdeviceptr"]
    streams = [s.name for s in slots if s.kind == "handle" and s.p.base == "CUstream" and s.name not in c.words["destroys"]]
    working = f"  Working working({'a.' + streams[0] if streams else 0});"   # without one: the default stream
    if c.words["works"] and not addresses:
        b.append(working)
    if c.words["looks"]:
        b.append("  const uint64_t work = work_begun();")
    outs = [s for s in slots if s.kind in ("out", "inout", "out_handles")]
    op = f"wire::op::{c.name}"
    if c.words["async"]:
        # Memory that the client does not know may be freed memory, and a capture may forbid the legacy stream: then the driver's answer is waited for.
        known = "device_reaches" if c.words["works"] else "device_known"
        doubts = [f"{known}(a.{n})" for n in addresses]
        doubts += [f"!forbidden_by_capture(a.{s.name})" for s in slots if s.kind == "handle" and s.p.base == "CUstream" and s.name not in c.words["destroys"]]
        send = "call.send()"
        if doubts and c.api == "cuda":
            b += ["  teleport::Reply reply;", "  bool sure = " + " & ".join(doubts) + ";"]
            send = "sure ? call.send() : cuda_wait(call, &reply)"
        if c.words["works"] and addresses:
            b.append(working)
        b += [f"  teleport::Call call(*at.session, {op}, at.context, at.flags);", "  a.put(call.in());", f"  auto rc = {r}({send});"]
    elif c.words["cached"]:
        b += ["  teleport::Reply reply;", f"  auto rc = {r}(cached(at, {op}, a, &reply));"]
    else:
        if c.words["works"] and addresses:
            b.append(working)
        b += ["  teleport::Reply reply;", "  auto rc = [&] {", f"    teleport::Call call(*at.session, {op}, at.context, at.flags);",
              "    a.put(call.in());", f"    return {r}({'nvml_wait' if c.library == 'nvml' else 'cuda_wait'}(call, &reply));", "  }();"]
    if c.words["works"] and c.words["ptds"] and addresses:   # not `Async`: done on return where host memory is concerned
        b.append(f"  if (!rc && ({' || '.join(f'host_sees(a.{n})' for n in addresses)})) rc = {r}(remote::cuStreamSynchronize(nullptr));")
    if c.words["looks"]:
        b.append(f"  if (!rc) after_wait({op}, work);")
    for s in destroyed:
        b.append(f"  forget(a.{s.name});")
    for s in created:
        b.append(f"  if (!rc) *{s.name} = {s.p.base}(uintptr_t(a.{s.name})); else forget(a.{s.name});")
    if outs:
        b += [f"  wire::{c.name}::Outs o;"]
        for s in outs:
            n = s.name
            t = "uint64_t" if s.kind == "out_handles" else s.type
            b.append(f"  o.{n} = reinterpret_cast<{t}*>({n}); o.n_{n} = {n} ? a.n_{n}() : 0;")
        b += ["  wire::Reader r = reply.reader();", f"  if (reply.body.size() && !o.get(r, reply.result == 0)) return {r}(broken(at));"]
    b += ["  return rc;", "}"]
    return "\n".join(b) + "\n"


def exported(c):
    arguments = ", ".join(p.name for p in c.params)
    text = ""
    r = result_type(c)
    if c.words["unsupported"]:
        text += f"EXPORT {signature(c, c.name)} {{ {''.join(f'(void){p.name}; ' for p in c.params)}return {r}(unsupported(\"{c.name}\", {801 if c.api == 'cuda' else 3})); }}\n"
    elif c.words["denied"]:
        text += f"EXPORT {signature(c, c.name)} {{ {''.join(f'(void){p.name}; ' for p in c.params)}return NVML_ERROR_NO_PERMISSION; }}\n"
    elif c.forwarded and not c.words["custom_client"]:
        text += f"EXPORT {signature(c, c.name)} {{ return remote::{c.name}({arguments}); }}\n"
    for name, suffix in c.variants():
        if suffix:
            text += f"EXPORT {signature(c, name)} {{ PerThreadDefault scope; return ::{c.name}({arguments}); }}\n"
    return text


def emit(api, out):
    declarations = "// Generated by apigen from api/. Sends a call and takes its answer; see src/client/remote.h for what the pieces do.\n#pragma once\n" \
                   "#include \"abi/cuda_abi.h\"\n#include \"abi/nvml_abi.h\"\n\nnamespace client::remote {\n"
    for c in api.calls:
        if c.forwarded:
            declarations += signature(c, c.name) + ";\n"
    write_if_changed(out / "client" / "remote_calls.h", declarations + "}  // namespace client::remote\n")
    for kind in ("cuda", "nvml", "session"):
        files = {}
        for c in api.calls:
            if c.api == kind:
                prefix = f"{c.library}_" if kind == "session" else ""
                files.setdefault((prefix, c.file.replace("/", "_")), []).append(c)
        for (prefix, name), calls in files.items():
            travel = [c for c in calls if c.forwarded]
            text = "// Generated by apigen from api/. The client's side of the calls of one file.\n#include \"client/remote.h\"\n"
            if travel:
                text += f"#include \"wire/{name}.h\"\n"
            text += "\nnamespace client {\n\n" + "\n".join(remote(api, c) for c in travel) + "\n}  // namespace client\n"
            if kind != "session":
                text += "\nusing namespace client;\n\n" + "".join(exported(c) for c in calls)
            write_if_changed(out / "client" / f"{prefix}{name}.cpp", text)
        lost = [e for e in api.exports if e.api == kind]
        if lost:
            text = "// Generated by apigen from api/. Names whose prototypes are not public.\n#include \"client/remote.h\"\n\nusing namespace client;\n\n"
            text += "".join(f"EXPORT int {e.name}(void) {{ return unsupported(\"{e.name}\", {801 if kind == 'cuda' else 3}); }}\n" for e in lost)
            write_if_changed(out / "client" / f"{kind}_exports.cpp", text)

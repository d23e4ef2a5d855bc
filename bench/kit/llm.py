"""Qwen3-0.6B shape, random bf16 weights, fixed seed: load, prefill, greedy decode (generate, plain loop, CUDA graph).
Greedy token ids must be identical native and remote; `check` rows carry their digest."""
from common import *
import torch.nn.functional as F
from transformers import Qwen3Config, Qwen3ForCausalLM

TOKENS = int(os.environ.get("BENCH_TOKENS", 24 if QUICK else 128)); PROMPT = 32; REP = int(os.environ.get("BENCH_REPEAT", 1 if QUICK else 3))
cfg = Qwen3Config(vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
                  num_key_value_heads=8, head_dim=128, max_position_embeddings=40960, tie_word_embeddings=True)
def build():
    """The model on the CPU, weights cut from one table of random numbers: drawing 600 million one by one takes half a minute."""
    for c in (torch.nn.Linear, torch.nn.Embedding): c.reset_parameters = lambda self: None
    for c in Qwen3ForCausalLM.__mro__:
        if "_init_weights" in vars(c): c._init_weights = lambda self, module: None
    torch.set_default_dtype(torch.bfloat16); m = Qwen3ForCausalLM(cfg).eval(); torch.set_default_dtype(torch.float32)
    table = torch.empty(16777259).normal_(0, 0.02, generator=torch.Generator().manual_seed(0)).bfloat16(); at = 0
    for p in m.parameters():
        flat = p.data.view(-1); i = 0
        while p.dim() > 1 and i < flat.numel(): n = min(len(table) - at, flat.numel() - i); flat[i:i + n] = table[at:at + n]; i += n; at = (at + n) % len(table)
    return m

t = time.perf_counter(); model = build(); emit("build_on_cpu", time.perf_counter() - t, "s", cpu_only=True)
size = sum(p.numel() * p.element_size() for p in model.parameters())
t = time.perf_counter(); model = model.cuda(); sync(); t = time.perf_counter() - t
emit("load", t, "s"); emit("load_rate", size / t / 1e9, "GB/s", bytes=size)

g = torch.Generator().manual_seed(1)
long_ids = torch.randint(0, cfg.vocab_size, (1, 512), generator=g).cuda(); ids = long_ids[:, :PROMPT].contiguous()

@torch.inference_mode()
def prefill(): return model(long_ids, use_cache=True, logits_to_keep=1).logits

def emit_ids(name, ids):
    """All of them, and the first 16, so that runs of different length can be compared."""
    emit(f"{name}.{TOKENS}", check=digest(ids), distinct=len(set(ids)))
    if TOKENS > 16: emit(f"{name}.16", check=digest(ids[:16]))

def run_prefill():
    emit("prefill512_first", seconds(prefill), "s"); emit("prefill512", 1e3 * median_s(prefill, 3 if QUICK else 9), "ms")
    out = prefill()[0, -1].float().cpu(); emit("prefill_logits", check=hashlib.sha256(out.numpy().tobytes()).hexdigest()[:16], top=int(out.argmax()))

@torch.inference_mode()
def generate(n=TOKENS): return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n, do_sample=False, pad_token_id=0)

def run_generate():
    """The usual path: two waits a token (end-of-sequence test). First run compiles attention kernels for each length."""
    generate(4); emit("generate_first", seconds(generate), "s", tokens=TOKENS)
    out = []; s = [seconds(lambda: out.append(generate())) for _ in range(REP)]
    emit("generate", TOKENS / statistics.median(s), "tok/s", runs=[round(TOKENS / x, 2) for x in s])
    emit_ids("generate_ids", out[-1][0, PROMPT:].tolist()); emit("generate_stable", check="ok" if all(torch.equal(o, out[0]) for o in out) else "WRONG")

@torch.inference_mode()
def loop(n=TOKENS):
    """Greedy feedback on the device: nothing waits until the end, so this is the cost of queueing alone."""
    o = model(ids, use_cache=True); tok = o.logits[:, -1:].argmax(-1); past = o.past_key_values; out = [tok]
    for _ in range(n - 1): o = model(tok, past_key_values=past, use_cache=True); tok = o.logits[:, -1:].argmax(-1); out.append(tok)
    return torch.cat(out, 1)

def run_loop():
    loop(); out = []; s = [seconds(lambda: out.append(loop())) for _ in range(min(REP, 2))]
    emit("loop", TOKENS / statistics.median(s), "tok/s", runs=[round(TOKENS / x, 2) for x in s]); emit_ids("loop_ids", out[-1][0].tolist())

@torch.inference_mode()
def run_graph():
    """One decode step with a static KV cache, captured once and replayed: one call a token."""
    L = PROMPT + TOKENS; d, H, KV = cfg.head_dim, cfg.num_attention_heads, cfg.num_key_value_heads; kw = dict(device="cuda")
    K = [torch.zeros(1, KV, L, d, dtype=torch.bfloat16, **kw) for _ in model.model.layers]; V = [torch.zeros_like(k) for k in K]
    inv = 1.0 / (1e6 ** (torch.arange(0, d, 2, **kw).float() / d)); ang = torch.outer(torch.arange(L, **kw).float(), inv); ang = torch.cat((ang, ang), -1)
    cos, sin = ang.cos().bfloat16(), ang.sin().bfloat16(); at = torch.arange(L, **kw)
    tok = torch.zeros(1, 1, dtype=torch.long, **kw); pos = torch.zeros(1, dtype=torch.long, **kw); seen = torch.zeros(L + 1, dtype=torch.long, **kw)
    def rope(x, c, s): h = d // 2; return x * c + torch.cat((-x[..., h:], x[..., :h]), -1) * s
    def step():
        x = model.model.embed_tokens(tok); c, s = cos.index_select(0, pos), sin.index_select(0, pos); mask = (at <= pos)[None, None, None]
        for i, layer in enumerate(model.model.layers):
            a = layer.self_attn; h = layer.input_layernorm(x)
            q = rope(a.q_norm(a.q_proj(h).view(1, 1, H, d)).transpose(1, 2), c, s); k = rope(a.k_norm(a.k_proj(h).view(1, 1, KV, d)).transpose(1, 2), c, s)
            K[i].index_copy_(2, pos, k); V[i].index_copy_(2, pos, a.v_proj(h).view(1, 1, KV, d).transpose(1, 2))
            kk, vv = (z.repeat_interleave(H // KV, 1) for z in (K[i], V[i]))
            p = torch.softmax((q @ kk.transpose(2, 3)) * d ** -0.5 + torch.where(mask, 0.0, float("-inf")).to(q.dtype), -1)
            x = x + a.o_proj((p @ vv).transpose(1, 2).reshape(1, 1, H * d)); x = x + layer.mlp(layer.post_attention_layernorm(x))
        pos.add_(1); tok.copy_(model.lm_head(model.model.norm(x))[:, -1:].argmax(-1)); seen.index_copy_(0, pos, tok[0])
    side = torch.cuda.Stream(); side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3): step(); pos.zero_()
    torch.cuda.current_stream().wait_stream(side); sync()
    graph = torch.cuda.CUDAGraph(); t = time.perf_counter()
    with torch.cuda.graph(graph): step()
    sync(); emit("graph_capture", time.perf_counter() - t, "s")
    def run():
        pos.zero_(); n = 0
        for i in range(PROMPT): tok.copy_(ids[:, i:i + 1]); graph.replay()
        for _ in range(TOKENS - 1): graph.replay()
    run(); s = [seconds(run) for _ in range(REP)]
    emit("graph", (L - 1) / statistics.median(s), "tok/s", runs=[round((L - 1) / x, 2) for x in s]); emit_ids("graph_ids", seen[PROMPT:L].tolist())

guarded("prefill512", run_prefill); guarded("graph", run_graph); guarded("generate", run_generate); guarded("loop", run_loop)
emit("total", time.perf_counter() - T0, "s")

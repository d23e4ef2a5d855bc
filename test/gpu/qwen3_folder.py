"""`qwen3_folder.py FOLDER` makes a model folder of Qwen3-0.6B's shape that needs no download: its configuration, random weights from a fixed seed, a byte
pair tokenizer trained on this repository's own pages and Qwen3's special tokens. Token numbers without a trained token are words of their own ("w2f3"), so
that the text a program prints tells every number. Greedy; the end token is forced after END tokens (512), whatever limit the program asks for."""
import json, os, pathlib, sys

FOLDER, END = pathlib.Path(sys.argv[1]), int(os.environ.get("QWEN3_END", 512))
VOCABULARY, FIRST_SPECIAL = 151936, 151643
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
           "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
           "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"]
TEMPLATE = """{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}"""
CONFIG = dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", attention_bias=False, attention_dropout=0.0, bos_token_id=151643,
    eos_token_id=151645, head_dim=128, hidden_act="silu", hidden_size=1024, initializer_range=0.02, intermediate_size=3072,
              max_position_embeddings=40960, max_window_layers=28, num_attention_heads=16, num_hidden_layers=28, num_key_value_heads=8,
              rms_norm_eps=1e-6, rope_theta=1000000, sliding_window=None, tie_word_embeddings=True, torch_dtype="bfloat16", use_cache=True,
              use_sliding_window=False, vocab_size=VOCABULARY)
GENERATION = dict(bos_token_id=151643, pad_token_id=151643, eos_token_id=[151645, 151643], do_sample=False,
    exponential_decay_length_penalty=[END - 1, 1e9])

def tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    root = pathlib.Path(__file__).resolve().parents[2]
    texts = [path.read_text() for name in ("README.md", "DESIGN.md", "api/README.md") if (path := root / name).exists()]
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1500, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    form = json.loads(made.to_str())
    words = form["model"]["vocab"]
    for number in range(len(words), FIRST_SPECIAL): words[f"Ġw{number:x}"] = number
    form["added_tokens"] = [dict(id=FIRST_SPECIAL + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=i < 14)
        for i, t in enumerate(SPECIAL)]
    (FOLDER / "tokenizer.json").write_text(json.dumps(form, ensure_ascii=False))
    (FOLDER / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="PreTrainedTokenizerFast", eos_token="<|im_end|>",
        pad_token="<|endoftext|>", model_max_length=131072, model_input_names=["input_ids", "attention_mask"], chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False)))

def weights():
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    for c in (torch.nn.Linear, torch.nn.Embedding): c.reset_parameters = lambda self: None
    for c in Qwen3ForCausalLM.__mro__:
        if "_init_weights" in vars(c): c._init_weights = lambda self, module: None
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen3ForCausalLM(Qwen3Config(**{k: v for k, v in CONFIG.items() if k not in ("architectures", "model_type", "torch_dtype")}))
    torch.set_default_dtype(torch.float32)
    table = torch.empty(16777259).normal_(0, 0.02, generator=torch.Generator().manual_seed(0)).bfloat16()
    at = 0  # drawing 600 million numbers one by one takes half a minute
    for p in model.parameters():
        flat, i = p.data.view(-1), 0
        while p.dim() > 1 and i < flat.numel():
            n = min(len(table) - at, flat.numel() - i)
            flat[i:i + n] = table[at:at + n]
            i += n
            at = (at + n) % len(table)
        if p.dim() == 1: flat.fill_(1)
    model.save_pretrained(FOLDER)

FOLDER.mkdir(parents=True, exist_ok=True)
tokenizer()
if os.environ.get("QWEN3_WEIGHTS") != "0": weights()
(FOLDER / "config.json").write_text(json.dumps(CONFIG, indent=1))
(FOLDER / "generation_config.json").write_text(json.dumps(GENERATION, indent=1))

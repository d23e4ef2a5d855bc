"""Stands in for modelscope where it is not installed: its two names used by the guide's program are those of transformers."""
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401

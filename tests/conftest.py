"""What tests of several rooms share: where the real data lies, a tokenizer, a tiny model."""

from __future__ import annotations

import os
from pathlib import Path

# One thread each: the models are tiny, tests run side by side, and torch's threads spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from transformers import PreTrainedTokenizerBase

_BESIDE_THE_PROJECT = Path(__file__).parents[2] / "shared" / "data"

LLAMA_SPECIALS = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|finetune_right_pad_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    # Special to the tokenizer, no part of the format.
    "<|reserved_special_token_0|>",
    "[UNUSED]",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files marked `long`: side by side, none of them is then the last."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real upstream data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("CB_DATASETS_REALDATA") or _BESIDE_THE_PROJECT)
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CB_DATASETS_REALDATA to its folder)")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _datasets_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests write out of the user's cache."""
    import datasets

    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("datasets_cache")


@pytest.fixture(scope="session")
def llama_tokenizer() -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer with the special tokens and the template of Llama 3.1."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from cb_datasets.llama31 import default_chat_template

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=LLAMA_SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([default_chat_template(), "eot_id search_web"] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>",
    )
    tokenizer.chat_template = default_chat_template()
    return tokenizer


@pytest.fixture(scope="session")
def llama_folder(
    llama_tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tiny random Llama with that tokenizer: it samples noise, and ends now and then."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "noise-llama"
    llama_tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(llama_tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=1024,
        bos_token_id=llama_tokenizer.bos_token_id,
        eos_token_id=llama_tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder

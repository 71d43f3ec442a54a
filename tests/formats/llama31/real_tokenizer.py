"""The tokenizer of Llama 3.1 with its 128,256 tokens, from the file that `llama-models` ships."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from cb_datasets.formats import default_chat_template


def load_real_tokenizer() -> PreTrainedTokenizerBase:
    """The tokenizer, as transformers converts it."""
    import llama_models.llama3
    from llama_models.llama3.tokenizer import Tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    special = Tokenizer.get_instance().special_tokens
    backend = TikTokenConverter(
        vocab_file=str(Path(llama_models.llama3.__file__).parent / "tokenizer.model"),
        extra_special_tokens=sorted(special, key=special.get),
    ).converted()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>",
    )
    tokenizer.chat_template = default_chat_template()
    return tokenizer

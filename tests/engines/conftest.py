"""Tiny random Llama models with a tokenizer of the Llama 3.1 format: real ones, made in seconds."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cb_datasets.engines import GenerationRequest
from cb_datasets.engines.transformers.engine import TransformersEngine

SPECIALS = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|finetune_right_pad_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
]
TEMPLATE = (
    "{{ '<|begin_of_text|>' }}{% for m in messages %}<|start_header_id|>{{ m.role }}"
    "<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
)
CONTEXT = 96


def save_tokenizer(
    folder: Path, *, specials: Sequence[str] = SPECIALS, template: str | None = TEMPLATE
) -> None:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["search the web for the opening hours"] * 5, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def save_model(folder: Path, *, hidden: int = 32) -> None:
    """A model whose logits spread enough that samples differ and end tokens do occur."""
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=6,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0, 0.25)
    model.save_pretrained(folder)
    # What an engine must not take over from a model.
    GenerationConfig(
        eos_token_id=[6, 9],
        do_sample=True,
        temperature=0.01,
        max_length=20,
        repetition_penalty=5.0,
        no_repeat_ngram_size=1,
        suppress_tokens=[5, 6, 9],
        forced_eos_token_id=1,
    ).save_pretrained(folder)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random-llama"
    save_tokenizer(folder)
    save_model(folder)
    return folder


@pytest.fixture
def write_tokenizer() -> Callable[..., None]:
    return save_tokenizer


@pytest.fixture
def wide_folder(tmp_path: Path) -> Path:
    """A model as wide as the blocks that 4-bit quantisation works on."""
    folder = tmp_path / "wide-llama"
    save_tokenizer(folder)
    save_model(folder, hidden=64)
    return folder


@pytest.fixture
def own_folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(model_folder, tmp_path / "my-llama"))


@pytest.fixture(scope="session")
def engine(model_folder: Path) -> TransformersEngine:
    return TransformersEngine(model_folder, device="cpu")


@pytest.fixture(scope="session")
def make_requests() -> Callable[..., list[GenerationRequest]]:
    """Requests with prompts of 3 to 30 tokens, five samples each."""

    def make(count: int) -> list[GenerationRequest]:
        rng = random.Random(0)
        prompts = [
            [0, *(rng.randrange(10, 300) for _ in range(rng.randint(2, 29)))]
            for _ in range(-(-count // 5))
        ]
        return [
            GenerationRequest(
                key=f"p{i // 5}#sample{i % 5}", prompt_token_ids=prompts[i // 5], seed=i
            )
            for i in range(count)
        ]

    return make

"""The tiny agent's network: a small Llama that begins with heads for copying.

An agent's arguments are copied from its prompt. Found by chance, the two layers of attention that
copying takes cost more steps than all the rest, so the first weights already hold them: heads that
look one to four tokens back (two words, as spaces are tokens), and heads that look for the place
where the last tokens occurred before and read what followed (induction heads, arXiv:2209.11895).
"""

from __future__ import annotations

import math

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cb_datasets.formats.llama31.tokens import END_TOKENS

_THETA = 500_000.0
_FAST = 5
"""Rotary frequencies that tell neighbouring positions apart; the slow ones hardly turn at all."""

_SLOW = 6
_HEADS = 4
_LOOK_BACK_LOGIT = 9.0
_MATCH = 2.0
_MOVE = 0.2
_COPY = 0.3


def new_model(tokenizer: PreTrainedTokenizerFast, context: int, seed: int) -> LlamaForCausalLM:
    """A fresh model for a tokenizer."""
    ends = sorted(tokenizer.convert_tokens_to_ids(token) for token in END_TOKENS.values())
    # A round number of rows keeps the matrix products aligned; the last few are never used.
    vocabulary = math.ceil(len(tokenizer) / 16) * 16
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=_HEADS,
        num_key_value_heads=_HEADS,
        intermediate_size=352,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": _THETA},
        attention_bias=True,
        tie_word_embeddings=True,
        initializer_range=0.03,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(std=0.1)
        _install_copying(model)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.7,
        max_new_tokens=128,
    )
    return model


def _install_copying(model: LlamaForCausalLM) -> None:
    first, second = (model.model.layers[i].self_attn for i in (0, 1))
    size = model.config.hidden_size // model.config.num_attention_heads
    # Orthonormal rows: what is read of a token, and where each head of the first layer puts it.
    read, place = (torch.linalg.qr(torch.randn(128, 128))[0] for _ in range(2))
    seen = [read[:size]]
    for head in range(_HEADS):
        rows = slice(head * size, (head + 1) * size)
        _look_back(first, rows, size, distance=head + 1)
        first.v_proj.weight[rows] = read[:size]
        first.o_proj.weight[:, rows] = _MOVE * place[rows].T
        seen.append(place[rows])
    # Rotary dimensions that turn slowly compare contents at any distance.
    half = size // 2
    slow = torch.tensor([*range(_SLOW, half), *range(half + _SLOW, size)])
    for head in range(_HEADS):
        rows = slice(head * size, (head + 1) * size)
        # Two heads copy the next token. Two look at the one after it: where a value ends is seen
        # from the word behind the space.
        ahead = 1 + head // 2
        queries, keys = torch.zeros(2, size, 128)
        # The last tokens here are to be the tokens before there: as many as agree.
        matched = len(seen) - ahead
        for back in range(matched):
            part = slow[back::matched]
            row = torch.arange(len(part)) + head * len(part)
            queries[part], keys[part] = seen[back][row], seen[back + ahead][row]
        second.q_proj.weight[rows] = _MATCH * queries
        second.k_proj.weight[rows] = _MATCH * keys
        taken, put = (torch.linalg.qr(torch.randn(128, size))[0] for _ in range(2))
        second.v_proj.weight[rows] = taken.T
        second.o_proj.weight[:, rows] = _COPY * (taken if ahead == 1 else put)


def _look_back(attention: torch.nn.Module, rows: slice, size: int, distance: int) -> None:
    """Let a head attend to the token so many places back.

    With rotary positions, constant query and key biases make attention a function of the distance
    alone, with its peak where the query's phase makes up for it.
    """
    half = size // 2
    number = torch.arange(half)
    angle = -distance * _THETA ** (-number / half)
    fast = (number < _FAST).float()
    scale = math.sqrt(_LOOK_BACK_LOGIT * math.sqrt(size))
    attention.k_proj.bias[rows] = scale * torch.cat([fast, torch.zeros(half)])
    attention.q_proj.bias[rows] = scale * torch.cat([fast * angle.cos(), fast * angle.sin()])

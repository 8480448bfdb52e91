"""Tiny models of the library transformers, from their configuration: no weights, no network."""

from __future__ import annotations

import functools
import sys
import warnings
from types import ModuleType
from typing import Any

from torch import nn

__all__ = ["bert", "gpt2"]


@functools.cache
def _library() -> ModuleType:
    """``transformers``, which imports much: only when it is needed.

    It would import torchvision, too. BackPACK brings that along, but not always one that fits the
    torch that is installed.
    """
    found = sys.modules.get("torchvision")
    sys.modules["torchvision"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import transformers
            import transformers.models.bert.modeling_bert
            import transformers.models.gpt2.modeling_gpt2
    finally:
        del sys.modules["torchvision"]
        if found is not None:
            sys.modules["torchvision"] = found
    return transformers


def bert(words: int, length: int, classes: int, attention: str = "eager") -> nn.Module:
    """A classifier of two layers."""
    shape = {"hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2}
    dropout = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    return _made(
        "BertForSequenceClassification",
        {"vocab_size": words, "max_position_embeddings": length, "num_labels": classes}
        | {**shape, "intermediate_size": 6, "attn_implementation": attention}
        | dict.fromkeys(dropout, 0.0),
    )


def gpt2(words: int, length: int, attention: str = "eager") -> nn.Module:
    """A language model of two layers."""
    dropout = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
    return _made(
        "GPT2LMHeadModel",
        {"vocab_size": words, "n_positions": length, "n_embd": 4, "n_layer": 2, "n_head": 2}
        | {"bos_token_id": 0, "eos_token_id": 0, "attn_implementation": attention}
        | dict.fromkeys(dropout, 0.0),
    )


def _made(name: str, options: dict[str, Any]) -> nn.Module:
    kind = getattr(_library(), name)
    return kind(kind.config_class(**options)).train()

"""What wraps a model for training on several processes, and what is inside."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cockpit.backward.compiled import uncompiled
from cockpit.distributed.meeting import Meeting
from cockpit.distributed.ranks import GroupOfRanks, Ranks

__all__ = ["hint_of_others", "ranks_of", "unwrapped", "why_untracked"]


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside of DistributedDataParallel; any other model as it is."""
    if isinstance(model, DistributedDataParallel) and not _is_compiled_around(model):
        return model.module
    return model


def ranks_of(model: nn.Module) -> Ranks:
    """The processes that train this model: several where it is wrapped for that, else this one."""
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks()
    group: Any = None
    if isinstance(model, DistributedDataParallel):
        group = model.process_group
    elif why_untracked(model):
        group = dist.group.WORLD  # nothing is tracked, but one log says why
    if group is None or dist.get_world_size(group) == 1:
        return Ranks()
    return GroupOfRanks(model, group, _device(model), _meeting(group))


def why_untracked(model: nn.Module) -> str:
    """Why nothing can be tracked of a model that several processes train; empty if it can."""
    if not (dist.is_available() and dist.is_initialized()):
        return ""
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.tensor import DTensor

    if _is_compiled_around(model):
        return (
            "the model is compiled around DistributedDataParallel, which hides it. Compile what is "
            "inside, DistributedDataParallel(torch.compile(model)), and pass that"
        )
    inside = [m for m in unwrapped(model).modules() if isinstance(m, DistributedDataParallel)]
    sharded = any(isinstance(p, DTensor) for p in model.parameters())
    if sharded or any(isinstance(m, FullyShardedDataParallel) for m in model.modules()):
        return (
            "the model's parameters are sharded over processes (fully_shard, FSDP, tensor "
            "parallelism), and no process has the whole gradient. DistributedDataParallel is "
            "supported"
        )
    if inside:
        return (
            "a part of the model is in DistributedDataParallel, the model itself is not. Wrap the "
            "whole model and pass that"
        )
    return ""


def _is_compiled_around(model: nn.Module) -> bool:
    inner = uncompiled(model)
    compiled = inner is not model or model._compiled_call_impl is not None
    return compiled and isinstance(inner, DistributedDataParallel)


def hint_of_others(ranks: Ranks) -> str:
    """Who may be writing a log, if processes each track a model of their own; else empty."""
    if ranks.size > 1 or not (dist.is_available() and dist.is_initialized()):
        return ""
    return (
        " Perhaps another rank: pass the model in DistributedDataParallel for one log of all ranks."
        if dist.get_world_size() > 1
        else ""
    )


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _meeting(group: Any) -> Meeting:
    """A meeting place of this cockpit alone.

    The k-th cockpit of a rank meets the k-th ones of the others.
    """
    # The store has no public name; it is what init_process_group has been told.
    store = dist.distributed_c10d._get_process_group_store(group)
    rank, size = dist.get_rank(group), dist.get_world_size(group)
    count = store.add(f"cockpit/made by {rank}", 1)
    return Meeting(dist.PrefixStore(f"cockpit/{count}", store), rank, size)

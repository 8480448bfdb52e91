"""One run on several processes: who takes part, when they meet, what they exchange."""

from cockpit.distributed.agreement import Agreement, Local, agree
from cockpit.distributed.meeting import RankLeft, RanksApart
from cockpit.distributed.ranks import Ranks, Share
from cockpit.distributed.wrappers import hint_of_others, ranks_of, unwrapped, why_untracked

__all__ = [
    "Agreement",
    "Local",
    "RankLeft",
    "Ranks",
    "RanksApart",
    "Share",
    "agree",
    "hint_of_others",
    "ranks_of",
    "unwrapped",
    "why_untracked",
]

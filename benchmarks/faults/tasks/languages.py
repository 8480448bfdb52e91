"""Small formal languages."""

from __future__ import annotations

import random

import torch
from torch import nn

from benchmarks.faults.tasks.task import Task, task
from cockpit.problems.data import Pairs
from cockpit.problems.data.texts import Passages, encode, vocabulary

EXPRESSIONS, TERMS = 24, 28  # characters of a piece, and how many there are at most
VARIABLES = "abcxyz"
FUNCTIONS = ("sin", "cos", "exp", "log", "sqrt")


def expression(draw: random.Random, depth: int = 0) -> str:
    """A formula: a term, or terms with operators between them."""
    terms = [term(draw, depth)]
    while draw.random() < 0.45:
        terms.append(draw.choice("+-*/") + term(draw, depth))
    return "".join(terms)


def term(draw: random.Random, depth: int) -> str:
    """A variable, a number, or more in brackets, which close as they open."""
    kind = draw.random()
    if depth > 2 or kind < 0.4:
        return draw.choice(VARIABLES)
    if kind < 0.5:
        return str(draw.randrange(1, 10))
    within = expression(draw, depth + 1)
    return f"({within})" if kind < 0.6 else f"{draw.choice(FUNCTIONS)}({within})"


@task("expressions")
def expressions(name: str) -> Task:
    """Pieces of 24 characters of formulas, and what follows each character."""
    draw = random.Random(0)
    text = ";".join(expression(draw) for _ in range(16_000))
    known, cut = vocabulary(text, TERMS), round(0.9 * len(text))
    passages = (Passages(encode(part, known), EXPRESSIONS) for part in (text[:cut], text[cut:]))
    train, valid = (Pairs(*part.take(torch.arange(len(part)))) for part in passages)
    return Task(name, train, valid, nn.CrossEntropyLoss, TERMS)

"""Facts of real steps: what the log says of them against plain loops, over models and loops."""

from __future__ import annotations

import gc
import math
import re
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities
from cockpit.backward.facts import Group
from cockpit.backward.facts.group import MOMENTS
from cockpit.backward.facts.inputs import Inputs
from cockpit.cautions import CockpitWarning
from tests.references import facts as naive
from tests.training import Training, batch

PAGE = Path(__file__).parents[2].joinpath("docs", "facts.md").read_text("utf-8")
OF_MODELS = ("loss.", "model.")
OF_BATCHES = ("inputs.", "targets.", "outputs.")


class Tokens(nn.Module):
    """Next-token scores, classes second as cross-entropy wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(7, 5), nn.Linear(5, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.table(tokens))).transpose(1, 2)


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(4 * 16, 4), nn.Linear(4, 3),
    )  # fmt: skip


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2))


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def classes(*shape: int, of: int, seed: int) -> Tensor:
    return torch.randint(of, shape, generator=torch.Generator().manual_seed(seed))


PROBLEMS: dict[str, tuple[Callable[[], nn.Module], nn.Module, Callable[[int], Any]]] = {
    "mlp": (mlp, nn.MSELoss(), lambda s: (draw(8, 5, seed=s), draw(8, 2, seed=s + 9))),
    "cnn": (
        cnn,
        nn.CrossEntropyLoss(),
        lambda s: (draw(6, 3, 6, 6, seed=s), classes(6, of=3, seed=s)),
    ),
    "tokens": (
        Tokens,
        nn.CrossEntropyLoss(reduction="sum"),
        lambda s: (classes(4, 9, of=7, seed=s), classes(4, 9, of=7, seed=s + 9)),
    ),
}


def facts_of(log: RunLog) -> list[dict[str, Any]]:
    return [log.facts(step)[1] for step in log.histogram_steps("Facts").tolist()]


def pieces_of(facts: dict[str, Any], prefixes: Iterable[str]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if name.startswith(tuple(prefixes))}


def timeless(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if not name.startswith("time.")}


def near(fact: Any, rel: float) -> Any:
    """Numbers up to rounding; words are words."""
    return pytest.approx(fact, rel=rel, abs=1e-6) if isinstance(fact, float) else fact


def expected_of(x: Tensor, before: Tensor | None, target: Tensor, output: Tensor) -> dict[str, Any]:
    named = {"inputs": x, "targets": target, "outputs": output}
    found: dict[str, Any] = {}
    for name, tensor in named.items():
        found[f"{name}.dtype"] = str(tensor.dtype).removeprefix("torch.")
        found[f"{name}.shape"] = list(tensor.shape)
    found |= naive.inputs_facts(x, before)
    if before is not None:
        found["inputs.same_tensor"] = x is before
    return found | naive.targets_facts(target) | naive.outputs_facts(output)


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_the_log_says_of_a_batch(name: str, tmp_path: Path) -> None:
    make, loss_fn, batches = PROBLEMS[name]
    torch.manual_seed(0)
    model, outputs, previous = make(), [], None
    model.register_forward_hook(lambda module, args, out: outputs.append(out.detach().clone()))
    Training(tmp_path, model, loss_fn, lr=0.01, batches=batches).run(range(3)).close()
    log = RunLog(tmp_path)
    assert log.header["quantities"]["Facts"]["kind"] == "facts"
    for step, facts in enumerate(facts_of(log)):
        x, target = batches(step)
        expected = expected_of(x, previous, target, outputs[step])
        got = pieces_of(facts, OF_BATCHES)
        assert got.pop("outputs.operation") == "Addmm"
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            assert got[key] == near(value, 1e-5), key
        previous = x
    assert step == 2


def test_what_the_log_says_of_a_model_and_its_loss(tmp_path: Path) -> None:
    make, loss_fn, batches = PROBLEMS["cnn"]
    torch.manual_seed(0)
    model = make()
    model[1].eval()
    model[5].bias.requires_grad_(False)
    model[0].bias.data.zero_()
    model[6].weight.data.fill_(0.5)
    gain = naive.gain([model[0].weight, model[5].weight])  # the last one has 12 elements
    size = batches(0)[0].square().mean().sqrt().item()
    training = Training(tmp_path, model, loss_fn, lr=0.01, batches=batches)
    first, later = facts_of(training.run(range(2)).close())
    always = {
        "loss.function": "CrossEntropyLoss", "loss.reduction": "mean", "loss.nonfinite": 0,
        "loss.target_gradient": False,
        "model.training": True, "model.evaluating": ["1"], "model.dropout": 0.25,
        "model.modules_bn": 1, "model.frozen": ["5.bias"],
        "model.frozen_share": pytest.approx(4 / sum(p.numel() for p in model.parameters())),
        "model.without_grad": [],
    }  # fmt: skip
    assert pieces_of(later, OF_MODELS) == always
    assert pieces_of(first, OF_MODELS) == {
        **always, "model.zero_weights": [], "model.symmetric": ["6.weight"],
        "model.linear_chain": ["5 -> 6"], "model.gain": pytest.approx(gain, rel=1e-6),
        "model.first_input": pytest.approx(size, rel=1e-6),
    }  # fmt: skip


def test_every_fact_is_on_its_page(tmp_path: Path) -> None:
    documented = set(re.findall(r"^\| `([\w.*]+)` \|", PAGE, flags=re.MULTILINE))
    recorded: set[str] = set()
    for name, (make, loss_fn, batches) in PROBLEMS.items():
        training = Training(tmp_path / name, make(), loss_fn, lr=0.01, batches=batches)
        for facts in facts_of(training.run(range(2)).close()):
            recorded |= {re.sub(r"^units\..*\.", "units.*.", fact) for fact in facts}
    assert recorded <= documented


class Several(nn.Module):
    """Two heads, and inputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.one, self.two = nn.Linear(5, 6), nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, given: dict[str, Tensor], head: str = "one") -> Tensor:
        return getattr(self, head)(torch.tanh(self.body(given["x"])))


def test_inputs_by_name_and_a_parameter_that_gets_nothing(tmp_path: Path) -> None:
    model, loss_fn = Several(), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = draw(8, 5, seed=0), draw(8, 2, seed=1)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path, strict=True) as cockpit:
        loss = loss_fn(model(given={"x": x, "more": y}), y)
        with cockpit(0):
            loss.backward()
        optimizer.step()
    (facts,) = facts_of(RunLog(tmp_path))
    assert facts["inputs.shape"] == [8, 5]
    assert facts["model.without_grad"] == ["two.weight", "two.bias"]


def test_of_several_backward_passes_the_first_and_a_note(tmp_path: Path) -> None:
    """Heads that are differentiated one after the other have all got a gradient."""
    model, loss_fn = Several(), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path, strict=True) as cockpit:
        for size, head in ((8, "one"), (3, "two")):
            loss = loss_fn(model({"x": draw(size, 5, seed=size)}, head), draw(size, 2, seed=1))
            with cockpit(0):
                loss.backward()
        optimizer.step()
    log = RunLog(tmp_path)
    (facts,) = facts_of(log)
    assert facts["inputs.shape"] == [8, 5]
    assert facts["model.without_grad"] == []
    assert "inputs.repeated" not in facts
    assert log.record()["values"]["Facts"]["notes"] == {"parts": "1 of 2"}


@pytest.mark.parametrize("told", [True, False])
def test_a_functional_loss_hides_what_it_was_given(told: bool, tmp_path: Path) -> None:
    def loss_fn(output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target)

    training = Training(tmp_path, loss_fn=loss_fn)
    each = {"losses": lambda loss: torch.full((8,), math.nan)} if told else {}
    (facts,) = facts_of(training.run([0], loss=lambda loss: loss, **each).close())
    assert {name.split(".")[0] for name in pieces_of(facts, OF_BATCHES)} == {"inputs", "outputs"}
    assert facts["outputs.shape"] == [8, 3]  # of the model itself
    assert pieces_of(facts, ["loss."]) == ({"loss.nonfinite": 8} if told else {})


def test_half_precision(tmp_path: Path) -> None:
    def batches(step: int) -> tuple[Tensor, Tensor]:
        x, y = batch(step)
        return x.bfloat16(), y

    model = nn.Sequential(nn.Linear(5, 3)).bfloat16()
    (facts,) = facts_of(Training(tmp_path, model, batches=batches).run([0]).close())
    assert facts["inputs.dtype"] == facts["outputs.dtype"] == "bfloat16"
    assert facts["inputs.mean"] == pytest.approx(float(batches(0)[0].float().mean()), rel=1e-5)


class Shifted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def test_a_batch_that_is_overwritten_is_said_to_be(tmp_path: Path) -> None:
    model = nn.Sequential(Shifted(), mlp()).double()  # autograd itself does not need the batch
    training, (x, _) = Training(tmp_path, model, nn.MSELoss()), batch(0)
    loss = training.loss(x, draw(8, 2, seed=0).double())
    with training.cockpit(0):
        x.zero_()
        loss.backward()
    log = training.close()
    (facts,) = facts_of(log)
    assert not pieces_of(facts, ["inputs."])
    assert facts["targets.shape"] == [8, 2]
    (event,) = [event for event in log.events if "facts" in event["message"]]
    assert (event["level"], event["kind"]) == ("info", "absent")
    assert event["message"].startswith("no facts of the inputs: the batch was overwritten")


def test_of_several_forward_passes_the_one_that_the_loss_comes_from(tmp_path: Path) -> None:
    training, (x, y) = Training(tmp_path), batch(0)
    loss = training.loss(x, y)
    other = training.loss(*batch(1, size=3))
    with training.cockpit(0, loss=loss):
        loss.backward()
    (facts,) = facts_of(training.close())
    assert other.isfinite()
    assert facts["inputs.shape"] == [8, 5]
    assert facts["inputs.mean"] == pytest.approx(float(x.mean()), rel=1e-5)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_has_the_facts_of_an_uncompiled_one(backend: str, tmp_path: Path) -> None:
    torch._dynamo.reset()
    found = []
    for folder, compiled in ((tmp_path / "plain", False), (tmp_path / "compiled", True)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).double()
        model = torch.compile(model, backend=backend) if compiled else model
        found.append(facts_of(Training(folder, model).run(range(2)).close()))
    torch._dynamo.reset()
    for plain, compiled in zip(*found, strict=True):
        expected = {name: near(fact, 1e-6) for name, fact in timeless(plain).items()}
        seen = {"outputs.operation": "Addmm"} | timeless(compiled)  # what compiled code does is not
        assert seen == expected
    assert found[1][0]["model.linear_chain"] == ["0 -> 1"]


def broken(moment: str) -> Group:
    """A group that fails at one moment."""

    def fail(self: Group, *about: Any) -> None:
        raise RuntimeError(f"no luck {moment}")

    return type("Broken", (Group,), {"name": "broken", moment: fail})()


def with_groups(training: Training, groups: list[Group]) -> Training:
    """The groups of facts in the place of the usual ones."""
    facts = training.cockpit._engine.facts
    type(facts).__init__(facts, groups)
    return training


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_group_that_fails_costs_its_own_facts_only(moment: str, tmp_path: Path) -> None:
    training = with_groups(Training(tmp_path, strict=False), [broken(moment), Inputs()])
    for step in range(3):
        with torch.no_grad():
            training.loss(*batch(step))
        training.step(step)
    log = training.close()
    assert [facts["inputs.shape"] for facts in facts_of(log)] == [[8, 5]] * 3
    assert [e["message"] for e in log.events] == [
        f"no facts of the broken: RuntimeError: no luck {moment}"
    ]
    assert (log.events[0]["level"], log.events[0]["kind"]) == ("info", "fault")
    assert "Loss" in log.quantities


def test_a_strict_cockpit_raises_the_fault_of_a_group(tmp_path: Path) -> None:
    training = with_groups(Training(tmp_path), [broken("before_backward")])
    with pytest.raises(RuntimeError, match="no luck"):
        training.run(range(2)).close()


def test_nothing_is_kept_of_a_step_that_came_to_nothing(tmp_path: Path) -> None:
    """Neither its batch nor its backward pass, until the next one."""
    training, (x, y) = Training(tmp_path), batch(0)
    loss = training.loss(x, y)
    known = weakref.ref(x)

    def fail(grad: Tensor) -> None:
        raise KeyError("mine")

    handle = training.model[0].weight.register_hook(fail)
    with pytest.raises(KeyError, match="mine"), training.cockpit(0):
        loss.backward()
    handle.remove()
    keeper = training.cockpit._engine.facts
    del x, loss
    gc.collect()
    assert known() is None
    assert keeper._step.first() is None
    training.run(range(1, 3))
    assert len(facts_of(training.close())) == 2


def test_facts_alone_as_in_company(tmp_path: Path) -> None:
    company = Training(tmp_path / "company").run(range(2)).close()
    config = [quantities.Facts()]
    alone = Training(tmp_path / "alone", config=config).run(range(2)).close()
    assert alone.quantities == ("Facts",)
    assert list(map(timeless, facts_of(alone))) == list(map(timeless, facts_of(company)))


def test_facts_are_no_numbers_to_show(tmp_path: Path) -> None:
    training = Training(tmp_path, config=[quantities.Facts(), quantities.Loss()]).run(range(2))
    training.close()
    assert set(training.cockpit.latest) == {"Loss"}


def test_their_own_schedule(tmp_path: Path) -> None:
    config = [quantities.Facts(2), quantities.Loss()]
    log = Training(tmp_path, config=config).run(range(5)).close()
    assert log.histogram_steps("Facts").tolist() == [0, 2, 4]
    assert log.facts(3)[0] == 2
    assert log.facts(3)[1].keys() == log.facts(4)[1].keys()


def test_the_training_is_told_once_where_nothing_is_seen(tmp_path: Path) -> None:
    cockpit = Cockpit(nn.Linear(2, 2), logdir=tmp_path, config=[quantities.Facts()])
    with pytest.warns(CockpitWarning, match="the loss was not seen"), cockpit(0):
        pass
    cockpit.close()
    assert RunLog(tmp_path).facts() is None

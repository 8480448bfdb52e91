"""The hooks: what they see, and that nobody notices them."""

from __future__ import annotations

import copy
import gc
import io
import weakref

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cockpit.backward.capture import Capture
from cockpit.backward.layer_call import LayerCall


def seen(model: nn.Module, x: torch.Tensor) -> tuple[Capture, torch.Tensor]:
    capture = Capture(model)
    capture.attach()
    return capture, model(x).sum()


def test_batch_size_and_output_are_those_of_the_last_forward_pass_with_gradients() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    capture, _ = seen(model, torch.randn(5, 3))
    with torch.no_grad():
        model(torch.randn(9, 3))
    assert capture.batch_size == 5
    assert capture.output.shape == (5, 2)


def test_calls_outside_a_sink_are_not_kept() -> None:
    model = nn.Linear(3, 2)
    capture, loss = seen(model, torch.randn(5, 3))
    loss.backward()
    calls: list[LayerCall] = []
    with capture.into(calls):
        pass
    assert calls == []


def test_detached_it_leaves_no_hook_behind() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    capture = Capture(model)
    capture.attach()
    capture.attach()
    capture.detach()
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_a_graph_that_is_kept_keeps_no_layer_inputs() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    capture = Capture(model)
    capture.attach()
    kept, inputs = [], []
    for _ in range(3):
        hidden = model[0](torch.randn(5, 3))
        inputs.append(weakref.ref(hidden.untyped_storage()))
        kept.append(model[2](hidden).sum())
        del hidden
        kept[-1].backward()
        capture.forget()
    gc.collect()
    assert [reference() for reference in inputs] == [None] * 3


def test_the_calls_are_freed_with_the_graph() -> None:
    capture, loss = seen(nn.Linear(3, 2), torch.randn(5, 3))
    watched = [weakref.ref(call) for call in capture.calls()]
    capture.forget()
    del loss
    gc.collect()
    assert [reference() for reference in watched] == [None]


def test_a_copied_or_pickled_model_works_and_its_hooks_see_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    capture, _ = seen(model, torch.randn(5, 3))
    twin = copy.deepcopy(model)
    twin(torch.randn(7, 3)).sum().backward()
    stored = io.BytesIO()
    torch.save(model, stored)
    stored.seek(0)
    torch.load(stored, weights_only=False)(torch.randn(8, 3))
    assert capture.batch_size == 5


def test_gradients_of_an_output_equal_those_of_the_hooks() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    capture = Capture(model)
    capture.attach()
    output = model(torch.randn(5, 3))
    direction = torch.randn(5, 2)
    direct = capture.backpropagate(output, direction)
    calls: list[LayerCall] = []
    with capture.into(calls):
        output.backward(direction)
    by_module = {call.module: call.grads[0] for call in calls}
    assert len(direct) == 2
    for call in direct:
        assert torch.equal(call.grads[0], by_module[call.module])


def test_activation_checkpointing_is_seen_through() -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(self.inner, x, use_reentrant=False)

    model = Checkpointed()
    capture, loss = seen(model, torch.randn(5, 3))
    calls: list[LayerCall] = []
    with capture.into(calls):
        loss.backward()
    total = sum(torch.einsum("no,ni->oi", c.grads[0], c.inputs[0]) for c in calls if c.grads)
    torch.testing.assert_close(total, model.inner.weight.grad)


def test_a_fault_in_a_hook_does_not_reach_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("cockpit.backward.capture.get_gradient_edge", broken)
    capture, loss = seen(nn.Linear(3, 2), torch.randn(5, 3))
    loss.backward()
    assert str(capture.fault) == "broken"

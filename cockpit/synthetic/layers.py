"""The named parameters of made-up networks."""

from __future__ import annotations

from cockpit.log.record import Layer

WIDTHS = (16, 32, 64, 128)  # of the stages of a residual network
PER_BLOCK = 6  # parameters of a residual block


def make_layers(count: int) -> tuple[Layer, ...]:
    """``count`` named parameters: two convolutions, then linear layers, weights and biases."""
    layers = []
    width = 1
    for i in range(count):
        module, kind = str(3 * (i // 2)), "Conv2d" if i < 4 else "Linear"
        out = 16 * min(i // 2 + 1, 4)
        shape = (out, width, 5, 5) if kind == "Conv2d" else (out, width)
        if i % 2 == 0:
            layers.append(Layer(f"{module}.weight", shape, module, kind))
            width = out
        else:
            layers.append(Layer(f"{module}.bias", (width,), module, kind))
    return tuple(layers)


def make_residual_layers(count: int) -> tuple[Layer, ...]:
    """``count`` named parameters of a residual network, from its input on.

    A stem, four stages of blocks with two convolutions and two normalizations each, and a linear
    layer at the end. Where the last block does not fit whole, it has fewer parameters.
    """
    inner = count - 3
    if inner < 0:
        return make_layers(count)
    layers = [Layer("stem.weight", (WIDTHS[0], 3, 3, 3), "stem", "Conv2d")]
    width = WIDTHS[0]
    blocks = -(-inner // PER_BLOCK)
    for block in range(blocks):
        stage = block * len(WIDTHS) // blocks
        start = -(-stage * blocks // len(WIDTHS))
        module = f"stage{stage + 1}.{block - start}"
        layers += _block(module, width, WIDTHS[stage])
        width = WIDTHS[stage]
    layers = layers[: count - 2]
    layers.append(Layer("head.weight", (10, width), "head", "Linear"))
    layers.append(Layer("head.bias", (10,), "head", "Linear"))
    return tuple(layers)


def _block(module: str, width: int, out: int) -> list[Layer]:
    made = []
    for i, wide in ((1, width), (2, out)):
        made.append(Layer(f"{module}.conv{i}.weight", (out, wide, 3, 3), f"{module}.conv{i}",
                          "Conv2d"))  # fmt: skip
        for what in ("weight", "bias"):
            made.append(Layer(f"{module}.bn{i}.{what}", (out,), f"{module}.bn{i}", "BatchNorm2d"))
    return made

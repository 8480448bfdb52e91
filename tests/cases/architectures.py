"""Architectures that people train, at a size that a naive loop can follow."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cases import hugging_face, loops
from tests.cases.case import CLASSES, Batch, Case, N, classes, sgd

__all__ = ["CASES"]

T = 3  # tokens
WORDS = 6


class BasicBlock(nn.Module):
    """He et al. (2015), figure 2, as torchvision has it: in-place activations and sum."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    """Table 1 of the same: a stem and four stages of two blocks."""

    def __init__(self, widths: tuple[int, ...] = (3, 3, 5, 5)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, widths[0], 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = (widths[0], *widths)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(BasicBlock(i, o, 1 + (k > 0)), BasicBlock(o, o, 1))
                for k, (i, o) in enumerate(zip(inputs, widths, strict=False))
            )
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.stages(x)), 1))


class Attention(nn.Module):
    """Self-attention from linear layers, as most repositories write it."""

    def __init__(self, width: int, heads: int, causal: bool, fused: bool) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal, self.fused = heads, causal, fused

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            if self.causal:
                hidden = torch.ones(t, t, dtype=torch.bool).triu(1)
                scores = scores.masked_fill(hidden, -torch.inf)
            y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    """A transformer block with the norms first."""

    def __init__(self, width: int, causal: bool, fused: bool = False) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, 2, causal, fused)
        self.mlp = nn.Sequential(nn.Linear(width, 6), nn.GELU(), nn.Linear(6, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class ViT(nn.Module):
    """Dosovitskiy et al. (2020): patches, a class token, learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(2, 4, 2, stride=2)
        self.class_token = nn.Parameter(torch.randn(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(1, 5, 4))
        self.blocks = nn.Sequential(Block(4, causal=False), Block(4, causal=False))
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class GPT(nn.Module):
    """Radford et al. (2019): a causal decoder whose output shares the embedding's weight."""

    def __init__(self, fused: bool = False) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(WORDS, 4), nn.Embedding(N, 4)
        self.blocks = nn.ModuleList([Block(4, causal=True, fused=fused) for _ in range(2)])
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, WORDS, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.words(x) + self.positions(torch.arange(x.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class CharacterLSTM(nn.Module):
    """Karpathy et al. (2015): two layers that predict the next character."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 3)
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.head = nn.Linear(4, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.words(x))[0])


def double_conv(channels: int, out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(out, out, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Ronneberger et al. (2015), two levels: what goes down is put beside what comes up."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = (
            double_conv(1, 2),
            double_conv(2, 3),
            double_conv(3, 4),
        )
        self.up2, self.up1 = (
            nn.ConvTranspose2d(4, 3, 2, stride=2),
            nn.ConvTranspose2d(3, 2, 2, stride=2),
        )
        self.right2, self.right1 = double_conv(6, 3), double_conv(4, 2)
        self.head = nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(F.max_pool2d(one, 2))
        x = self.bottom(F.max_pool2d(two, 2))
        x = self.right2(torch.cat([two, self.up2(x)], 1))
        return self.head(self.right1(torch.cat([one, self.up1(x)], 1)))


class VAE(nn.Module):
    """Kingma and Welling (2013); the noise comes with the data, so that it can be repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.statistics = nn.Linear(5, 6), nn.Linear(6, 4)
        self.decoder = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 5))

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.statistics(F.relu(self.encoder(x))).chunk(2, 1)
        code = mean + noise * (log_variance / 2).exp()
        return self.decoder(code), mean, log_variance


def evidence_bound(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Appendix B: summed over the mini-batch."""
    logits, mean, log_variance = output
    reconstruction = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return reconstruction - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()


def binary_images() -> Batch:
    x = torch.rand(N, 5).round()
    return Batch((x, torch.randn(N, 2)), x)


class AllCNNC(nn.Sequential):
    """Springenberg et al. (2014), table 1, model C: strided convolutions instead of pooling."""

    def __init__(self, a: int = 3, b: int = 4) -> None:
        kinds = [(2, a, 3, 1), (a, a, 3, 1), (a, a, 3, 2), (a, b, 3, 1), (b, b, 3, 1), (b, b, 3, 2)]
        kinds += [(b, b, 3, 1), (b, b, 1, 1), (b, CLASSES, 1, 1)]
        layers: list[nn.Module] = [nn.Dropout(0.0)]
        for i, o, kernel, stride in kinds:
            layers += [nn.Conv2d(i, o, kernel, stride, padding=kernel // 2), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        for part in self:
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight)


def bert() -> nn.Module:
    return hugging_face.bert(WORDS, T, CLASSES)


def gpt2(attention: str = "eager") -> nn.Module:
    return hugging_face.gpt2(WORDS, T, attention)


def sentences() -> Batch:
    mask = torch.ones(N, T, dtype=torch.long)
    mask[0, -1] = 0
    x = {"input_ids": torch.randint(WORDS, (N, T)), "attention_mask": mask}
    return Batch(x, torch.randint(CLASSES, (N,)))


def continued(length: int = T) -> Batch:
    return Batch(torch.randint(WORDS, (N, length)), torch.randint(WORDS, (N, length)))


def next_token(output: Tensor, y: Tensor) -> Tensor:
    """Mean over all tokens, logits last."""
    return F.cross_entropy(output.reshape(-1, output.shape[-1]), y.reshape(-1))


def classes_second(model: nn.Module, x: Any) -> Tensor:
    output = model(x)
    return (output if isinstance(output, Tensor) else output.logits).transpose(1, 2)


CASES = [
    Case("ResNet-18 with batch norm", ResNet18, classes(2, 8, 8, n=6), samples="contributions"),
    Case("ResNet-18, evaluation mode", lambda: ResNet18().eval(), classes(2, 8, 8)),
    Case("ViT with class token", ViT, classes(2, 4, 4)),
    Case("GPT with tied embedding", GPT, continued, predict=classes_second),
    Case(
        "GPT, as many tokens as samples",
        lambda: GPT(),
        lambda: continued(N),
        predict=classes_second,
    ),
    Case("GPT, fused attention, functional loss", lambda: GPT(True), continued, next_token),
    Case("character LSTM, two layers", CharacterLSTM, continued, predict=classes_second),
    Case("U-Net", UNet, classes(1, 4, 4, rows=(4, 4), k=2)),
    Case(
        "VAE with summed loss",
        VAE,
        binary_images,
        evidence_bound,
        predict=lambda model, x: model(*x),
        reduction="sum",
        tells=True,
    ),
    Case("All-CNN-C", AllCNNC, classes(2, 6, 6), optimizer=lambda model: sgd(model, 0.05)),
    Case("Hugging Face BERT", bert, sentences, predict=lambda model, x: model(**x).logits),
    Case(
        "Hugging Face BERT, loss computed inside",
        bert,
        sentences,
        F.cross_entropy,
        predict=lambda model, x: model(**x).logits,
        loop=loops.loss_inside,
    ),
    Case("Hugging Face GPT-2", gpt2, continued, predict=classes_second),
    Case(
        "Hugging Face GPT-2, fused attention, functional loss",
        lambda: gpt2("sdpa"),
        continued,
        next_token,
        predict=lambda model, x: model(x).logits,
    ),
]

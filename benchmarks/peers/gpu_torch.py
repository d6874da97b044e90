"""The networks of `gpu.py` in PyTorch, trained on the batches that it has left in a folder.

    gpu_torch.py NETWORK FOLDER SECONDS

All batches are on the device before the first step: images as uint8 in channels_last. Autocast in bfloat16 where ours
computed in it. Prints a line of JSON for eager and one for torch.compile: seconds of a step (median epoch after the
first), most bytes of the device, when it was measured. The number of parameters must be ours: trained ones, frozen ones
and the statistics of batch normalization; PyTorch's second bias of an LSTM, which Keras has not, is frozen at 0.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
STAGES += ((1, 3, 1, 6, 320),)  # of EfficientNet-Lite0: repeats, kernel, strides, expansion, channels


def norm(width, momentum=0.1):
    return nn.BatchNorm2d(width, eps=1e-3, momentum=momentum)


def conv(i, o, size=3, stride=1, groups=1, bias=False):
    return nn.Conv2d(i, o, size, stride, size // 2, groups=groups, bias=bias)


def rows_of(facts, width):
    """Of the embedding: the first matrix of ours with so many columns."""
    return next(shape[0] for shape in facts["shapes"] if shape[1:] == [width])


class Network(nn.Module):
    """What a step needs: the loss of a batch, the modules that are trained, each group with an optimizer of its own."""

    def __init__(self, model: dict, facts: dict, batch: list[np.ndarray]):
        super().__init__()
        self.smoothing = facts["label_smoothing"]
        self.make(model, facts, batch)

    def step(self, loss, optimizers):
        optimizers[0].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[0].step()

    def groups(self):
        return [[p for p in self.parameters() if p.requires_grad]]

    def images(self, x):
        return x.float() / 255


class Cnn(Network):
    def make(self, model, facts, batch):
        counts, channels, parts = model["convolutions"], batch[0].shape[-1], []
        for stage, width in enumerate(model["filters"]):
            for _ in range(counts[stage if len(counts) > 1 else 0]):
                parts += [conv(channels, width), norm(width), nn.ReLU()]
                channels = width
            parts.append(nn.MaxPool2d(2) if stage + 1 < len(model["filters"]) else nn.AdaptiveAvgPool2d(1))
        head = [nn.Flatten(), nn.Dropout(model["dropout"]), nn.Linear(channels, batch[1].shape[-1])]
        self.layers = nn.Sequential(*parts, *head)

    def forward(self, x, y):
        return F.cross_entropy(self.layers(self.images(x)).float(), y)


class BiLstm(Network):
    def make(self, model, facts, batch):
        width, units = model["embedding"], model["units"][0]
        self.embedding = nn.Embedding(rows_of(facts, width), width)
        self.lstm = nn.LSTM(width, units, batch_first=True, bidirectional=True)
        for name in ("bias_hh_l0", "bias_hh_l0_reverse"):
            nn.init.zeros_(getattr(self.lstm, name).requires_grad_(False))
        self.head = nn.Sequential(nn.Dropout(model["dropout"]), nn.Linear(2 * units, batch[1].shape[-1]))

    def forward(self, ids, y, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        x = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])[0]
        x = x.sum(1) / lengths.to(x.device)[:, None]  # it is 0 behind the end
        return F.cross_entropy(self.head(x).float(), y)


class Inverted(nn.Module):
    def __init__(self, i, o, size, stride, expansion):
        super().__init__()
        wide = i * expansion
        parts = [conv(i, wide, 1), norm(wide), nn.ReLU6()] if expansion > 1 else []
        parts += [conv(wide, wide, size, stride, wide), norm(wide), nn.ReLU6(), conv(wide, o, 1), norm(o)]
        self.layers, self.adds = nn.Sequential(*parts), stride == 1 and i == o

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


class Finetuned(Network):
    def make(self, model, facts, batch):
        blocks, channels = [nn.Sequential(conv(3, 32, 3, 2), norm(32), nn.ReLU6())], 32
        for repeats, size, stride, expansion, width in STAGES:
            for repeat in range(repeats):
                blocks.append(Inverted(channels, width, size, 1 if repeat else stride, expansion))
                channels = width
        blocks.append(nn.Sequential(conv(channels, 1280, 1), norm(1280), nn.ReLU6()))
        for block in blocks[: len(blocks) - model["unfreeze"]]:
            block.requires_grad_(False)
        self.backbone = nn.Sequential(*blocks).eval()  # its statistics stay, as in ours
        self.head = nn.Sequential(nn.Dropout(model["dropout"]), nn.Linear(1280, batch[1].shape[-1]))

    def forward(self, x, y):
        x = self.backbone((x.float() - 127) / 128).mean((2, 3))
        return F.cross_entropy(self.head(x).float(), y)


class Autoencoder(Network):
    def make(self, model, facts, batch):
        size, channels, filters = model["kernel_size"], batch[0].shape[-1], model["filters"]
        sides, down, i = [batch[0].shape[1:3]], [], channels
        for width in filters:
            down += [conv(i, width, size, 2), norm(width), nn.ReLU()]
            sides.append(tuple(-(-side // 2) for side in sides[-1]))
            i = width
        flat, up = i * sides[-1][0] * sides[-1][1], []
        for place in range(len(filters) - 1, -1, -1):
            o = filters[place - 1] if place else channels
            extra = tuple(side - 2 * small + 1 for side, small in zip(sides[place], sides[place + 1]))
            up.append(nn.ConvTranspose2d(i, o, size, 2, size // 2, extra, bias=not place))
            up += [norm(o), nn.ReLU()] if place else []
            i = o
        middle = [nn.Flatten(), nn.Linear(flat, model["latent"]), nn.Linear(model["latent"], flat), nn.ReLU()]
        self.layers = nn.Sequential(*down, *middle, nn.Unflatten(1, (filters[-1], *sides[-1])), *up)

    def forward(self, x):
        x = self.images(x)
        return F.mse_loss(self.layers(x).float(), x)


class Dcgan(Network):
    def make(self, model, facts, batch):
        side, channels, size = batch[0].shape[1], batch[0].shape[-1], model["kernel_size"]
        stages = next(n for n in range(9) if side // 2**n % 2 or side // 2 ** (n + 1) < 4)
        classes, small = rows_of(facts, model["embedding"]), side // 2**stages
        up, down = model["generator_filters"][:stages][::-1], model["discriminator_filters"][:stages]
        self.embedding, self.group = nn.Embedding(classes, model["embedding"]), model["minibatch_deviation"]
        layers = [nn.Linear(model["latent"] + model["embedding"], small * small * up[0], bias=False)]
        layers += [nn.Unflatten(1, (up[0], small, small)), norm(up[0]), nn.ReLU()]
        for i, o in zip(up, [*up[1:], None]):
            layers.append(nn.ConvTranspose2d(i, o or channels, size, 2, size // 2 - 1, bias=o is None))
            layers += [norm(o), nn.ReLU()] if o else [nn.Tanh()]
        self.generator, layers, i = nn.Sequential(*layers), [], channels
        for width in down:
            layers += [nn.Conv2d(i, width, size, 2, size // 2 - 1), nn.LeakyReLU(0.2)]
            i = width
        self.down, layers, i = nn.Sequential(*layers), [nn.Flatten(), nn.Dropout(model["dropout"])], (i + 1) * small**2
        for width in model["discriminator_units"]:
            layers += [nn.Linear(i, width), nn.LeakyReLU(0.2)]
            i = width
        self.features, self.logit, self.projection = nn.Sequential(*layers), nn.Linear(i, 1), nn.Embedding(classes, i)

    def judge(self, x, labels):
        x = self.down(x)
        groups = x.float().unflatten(0, (self.group, -1))
        told = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1, keepdim=True).repeat(self.group, 1, 1, 1)
        x = self.features(torch.cat([x, told.to(x.dtype)], 1))
        return (self.logit(x) + (x * self.projection(labels)).sum(1, keepdim=True)).float()

    def forward(self, x, labels, noise):
        fake = self.generator(torch.cat([noise, self.embedding(labels)], 1))
        real, fake = self.judge(x.float() / 127.5 - 1, labels), self.judge(fake, labels)
        wrong = F.softplus(real).mean() - (1 - self.smoothing) * real.mean() + F.softplus(fake).mean()
        return F.softplus(-fake).mean(), wrong

    def groups(self):
        second = {id(p) for m in (self.down, self.features, self.logit, self.projection) for p in m.parameters()}
        return [[p for p in self.parameters() if (id(p) in second) == number] for number in (False, True)]

    def step(self, losses, optimizers):
        for loss, optimizer, last in zip(losses, optimizers, (False, True)):
            own = optimizer.param_groups[0]["params"]
            for p, gradient in zip(own, torch.autograd.grad(loss, own, retain_graph=not last)):
                p.grad = gradient
        for optimizer in optimizers:
            optimizer.step()


NETWORKS = {"image-cls": Cnn, "text-cls": BiLstm, "finetune": Finetuned, "anomaly": Autoencoder, "dcgan": Dcgan}


def placed(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    """A batch on the device, images in channels_last; lengths of texts on the host."""
    found = [torch.from_numpy(array).to(DEVICE) for array in arrays]
    found = [x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in found]
    ids = arrays[0].ndim == 2 and arrays[0].dtype == np.int32
    return [*found, torch.from_numpy((arrays[0] != 0).sum(1))] if ids else found


def measure(kind, network, call, batches, precision, seconds):
    """Trains and prints the line."""
    optimizers = [torch.optim.AdamW(group, 1e-4, fused=DEVICE.type == "cuda") for group in network.groups()]
    wait = torch.cuda.synchronize if DEVICE.type == "cuda" else lambda: None
    times, first = [], 0.0
    while len(times) < 4 or sum(times[1:]) < seconds:
        first = time.time() if len(times) == 1 else first
        began = time.perf_counter()
        for batch in batches:
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=precision == "bfloat16"):
                losses = call(*batch)
            network.step(losses, optimizers)
        wait()
        times.append(time.perf_counter() - began)
    peak = torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else None
    step = statistics.median(times[1:]) / len(batches)
    print(json.dumps({"kind": kind, "step": step, "peak": peak, "began": first, "ended": time.time()}), flush=True)


def main(part: str, folder: Path, seconds: float) -> None:
    torch.backends.cudnn.benchmark = True
    facts = json.loads((folder / "facts.json").read_text())
    with np.load(folder / "batches.npz") as archive:
        arrays: dict[str, list[np.ndarray]] = {}
        for name in sorted(archive.files):
            arrays.setdefault(name.partition("-")[0], []).append(archive[name])
    network = NETWORKS[part](facts["model"], facts, next(iter(arrays.values())))
    frozen = lambda name: name.rpartition(".")[2].startswith("bias_hh_")
    statistics_ = sum(b.numel() for b in network.buffers() if b.ndim)
    count = sum(p.numel() for name, p in network.named_parameters() if not frozen(name)) + statistics_
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    if (count, trained) != (facts["parameters"], facts["trained"]):
        ours = f"{facts['parameters']:,} parameters, {facts['trained']:,} of them trained"
        sys.exit(f"not the same network: ours has {ours}, PyTorch's {count:,} and {trained:,}")
    network = network.to(DEVICE, memory_format=torch.channels_last)
    batches = [placed(batch) for batch in arrays.values()]
    measure("eager", network, network, batches, facts["precision"], seconds)
    try:
        measure("compiled", network, torch.compile(network), batches, facts["precision"], seconds)
    except Exception as error:  # of the compiler: no C compiler, an operation it does not know
        print(json.dumps({"error": f"torch.compile: {type(error).__name__}: {str(error).strip()[:200]}"}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))

"""The same network in PyTorch, channels_last, without augmentation.

Prints seconds per epoch (median after the first).
"""

import pathlib
import statistics
import time

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
archive = np.load(pathlib.Path(__file__).parents[2] / "data/digits/digits.npz")
train = archive["split"] == "train"
images = torch.from_numpy(archive["x"][train]).float()[:, None] / 255
labels = torch.from_numpy(archive["y"][train].astype("int64"))

parts, channels = [], 1
for stage, (width, count) in enumerate(((32, 2), (64, 2), (128, 1))):
    for _ in range(count):
        parts += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    parts.append(nn.MaxPool2d(2) if stage < 2 else nn.AdaptiveAvgPool2d(1))
model = nn.Sequential(*parts, nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels, 10)).to(
    memory_format=torch.channels_last
)
optimizer, loss = torch.optim.AdamW(model.parameters(), 1e-3), nn.CrossEntropyLoss()
times = []
for _ in range(5):
    began = time.perf_counter()
    order = torch.randperm(len(images))
    for rows in order.split(64):
        if len(rows) == 64:
            optimizer.zero_grad()
            loss(model(images[rows].to(memory_format=torch.channels_last)), labels[rows]).backward()
            optimizer.step()
    times.append(time.perf_counter() - began)
print(f"epoch_seconds {statistics.median(times[1:]):.3f}")

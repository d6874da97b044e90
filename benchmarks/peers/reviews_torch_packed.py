"""Peer: the same BiLSTM in PyTorch with packed sequences, on two threads.

Prints the median seconds of an epoch after the first.
"""

import re
import statistics
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(2)
reviews = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "reviews" / "reviews.csv")
reviews = reviews[reviews["split"] == "train"]
texts = [re.sub(r"[^\w\s]", "", text.lower()).split() or ["?"] for text in reviews["text"]]
known = {
    word: number
    for number, (word, _) in enumerate(Counter(word for text in texts for word in text).most_common(19_998), 2)
}
ids = [torch.tensor([known.get(word, 1) for word in text]) for text in texts]
labels = torch.tensor((reviews["label"] == "positive").to_numpy(), dtype=torch.float32)


class Classifier(nn.Module):
    """Embedding, BiLSTM, a hidden layer, one logit."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20_000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 1))

    def forward(self, padded, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(padded), lengths, batch_first=True, enforce_sorted=False
        )
        state = self.lstm(packed)[1][0]
        return self.head(torch.cat([state[0], state[1]], 1))[:, 0]


model = Classifier()
optimizer = torch.optim.Adam(model.parameters())
loss_of = nn.BCEWithLogitsLoss()
seconds = []
for _ in range(4):
    began = time.perf_counter()
    order = torch.randperm(len(ids)).tolist()
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        batch = [ids[row] for row in rows]
        logits = model(nn.utils.rnn.pad_sequence(batch, batch_first=True), torch.tensor([len(text) for text in batch]))
        optimizer.zero_grad()
        loss_of(logits, labels[rows]).backward()
        optimizer.step()
    seconds.append(time.perf_counter() - began)
print(f"epoch_seconds {statistics.median(seconds[1:]):.3f}")

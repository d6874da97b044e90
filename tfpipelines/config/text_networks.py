"""The fields of each text network. Their names and defaults are those of the builders in `tfpipelines.models`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .networks import Activation, Initializer, Normalization
from .section import Count, Counts, Fraction, NonNegative, Positive, Section

Pooling = Literal["last", "max", "mean", "attention"]


class Wide(Section):
    """The wide part: n-grams that speak for the classes directly, weighed by their log-count ratios (Wang & Manning
    2012).

    It stands beside the network as in Cheng et al. 2016, but each is trained by a loss of its own.
    """

    words: Annotated[int, Field(ge=0, le=5)] = Field(0, description="longest word n-gram; 0: none")
    characters: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(max_length=2)] = Field(
        (), description="shortest and longest character n-gram, such as [3, 5]; []: none"
    )
    min_count: Count = Field(2, description="n-grams that occur less often in training are left out")
    size: Count = Field(200_000, description="most n-grams of each kind")
    initial: Positive = Field(0.05, description="weight that every n-gram begins with")
    dropout: Fraction = Field(0.0, description="share of n-grams left out while training")
    deep_weight: Positive = Field(0.3, description="what the network's logits count beside those of the n-grams")

    @model_validator(mode="after")
    def _in_order(self) -> "Wide":
        if list(self.characters) != sorted(self.characters) or len(self.characters) == 1:
            raise ValueError(
                f"model.wide.characters: got {list(self.characters)}; allowed: [shortest, longest], or [] for none"
            )
        return self

    @property
    def active(self) -> bool:
        """Whether there is a wide part at all."""
        return bool(self.words or self.characters)


class TextNetwork(Section):
    """What every text network has."""

    embedding: Count = Field(64, description="numbers for each token; those of data.vectors where given")
    freeze_embedding: bool = Field(False, description="leave the embedding as it begins, for data.vectors")
    word_dropout: Fraction = Field(0.1, description="share of tokens taken for unknown ones while training")
    spatial_dropout: Fraction = Field(0.2, description="share of embedding channels dropped while training")
    pooling: Pooling = Field("max", description="how a sequence becomes a vector")
    dense: Annotated[Counts, Field(description="width of dense layers before the output")] = ()
    activation: Activation = Field("relu", description="of convolutions and dense layers")
    initializer: Initializer = "glorot_uniform"
    normalization: Normalization = Field("none", description="of the pooled vector and of dense layers")
    dropout: Fraction = Field(0.5, description="share of units dropped before the output and between dense layers")
    weight_decay: NonNegative = Field(
        0.0, description="L2 penalty on kernels, added to the loss (train.weight_decay is the decoupled kind)"
    )
    wide: Annotated[Wide, BeforeValidator(lambda value: {} if value is None else value)] = Wide()


class Recurrent(TextNetwork):
    """What recurrent networks have."""

    units: Counts = Field((64,), description="width of each stacked layer, in each direction")


class RNN(Recurrent):
    """Simple recurrent network (Elman 1990)."""

    name: Literal["rnn"] = "rnn"
    bidirectional: bool = Field(False, description="also read backwards")


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997)."""

    name: Literal["lstm"] = "lstm"
    bidirectional: bool = Field(False, description="also read backwards; then it is a bilstm")


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014)."""

    name: Literal["gru"] = "gru"
    bidirectional: bool = Field(False, description="also read backwards")


class BiLSTM(Recurrent):
    """LSTM that reads in both directions (Graves & Schmidhuber 2005)."""

    name: Literal["bilstm"] = "bilstm"


class TextCNN(TextNetwork):
    """Convolutions of several widths side by side (Kim 2014)."""

    name: Literal["cnn"] = "cnn"
    filters: Count = Field(100, description="channels of each width")
    kernel_sizes: Counts = Field((3, 4, 5), description="widths in tokens")
    pooling: Literal["max", "mean", "attention"] = Field("max", description="how a sequence becomes a vector")


class Transformer(TextNetwork):
    """Transformer encoder (Vaswani et al. 2017), normalized before each part."""

    name: Literal["transformer"] = "transformer"
    layers: Count = 2
    heads: Count = Field(4, description="attention heads; model.embedding is a multiple of it")
    feedforward: Count = Field(256, description="width of the dense layer in each block")
    attention_dropout: Fraction = Field(0.1, description="share dropped inside of each block")
    pooling: Literal["max", "mean", "attention"] = Field("mean", description="how a sequence becomes a vector")

    @model_validator(mode="after")
    def _divisible(self) -> "Transformer":
        if self.embedding % self.heads or self.embedding % 2:
            raise ValueError(
                f"model.embedding: got {self.embedding}; it must be even, and a multiple of model.heads ({self.heads})"
            )
        return self


class BagOfWords(TextNetwork):
    """Averaged embeddings of words and of hashed n-grams (Joulin et al. 2017, fastText)."""

    name: Literal["bow"] = "bow"
    ngrams: Annotated[int, Field(ge=1, le=5)] = Field(2, description="longest word n-gram; 1: words alone")
    buckets: Annotated[int, Field(ge=1, le=2**18)] = Field(2**15, description="rows that n-grams are hashed into")
    pooling: Literal["mean", "max"] = Field("mean", description="how a sequence becomes a vector")


TextNetworks = Annotated[RNN | LSTM | GRU | BiLSTM | TextCNN | Transformer | BagOfWords, Field(discriminator="name")]

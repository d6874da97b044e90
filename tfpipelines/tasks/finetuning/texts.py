"""Fine-tuning for texts: a pretrained text backbone of KerasHub becomes a classifier of one's own classes."""

from typing import Literal

import numpy as np
from pydantic import model_validator

from tfpipelines import datasets, training
from tfpipelines.core import config
from tfpipelines.core.config.finetuned import FinetunedTexts
from tfpipelines.core.config.texts import TextSource
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones
from tfpipelines.tasks.finetuning.config import FinetunePipeline

from ..supervised_texts import SupervisedTexts
from .base import Finetuning

_LONGEST = 512  # tokens, unless data.max_length says more
_INFERENCE_BATCH = 64


class TextFinetuningPipeline(FinetunePipeline):
    """A finetune-text pipeline."""

    takes, gives = "texts, as they are", "a probability for each class"
    use = "predict {} --text TEXT"
    call = 'model(tf.constant(["A gripping film"]))  # import tensorflow as tf'
    hub_task = "text-classification"

    task: Literal["finetune-text"] = "finetune-text"
    data: TextSource
    model: FinetunedTexts = FinetunedTexts()

    @model_validator(mode="after")
    def _in_one_piece(self) -> "TextFinetuningPipeline":
        if self.data.long != "cut":
            raise ValueError(
                f"data.long={self.data.long}: a pretrained backbone reads texts in one piece, up to data.max_length "
                "tokens. Leave data.long out and raise data.max_length, or use the pipeline text-cls"
            )
        return self


class TextFinetuning(Finetuning, SupervisedTexts):
    """The task `finetune-text`."""

    schema = TextFinetuningPipeline
    pipeline: TextFinetuningPipeline
    loading_fields = ("backbone", "weights")

    def __init__(self, pipeline):
        super().__init__(pipeline)
        self._preprocessor = self._preprocessor_of = None

    def preflight(self) -> list[str]:
        config.text_source(self.pipeline.model.backbone, "model.backbone")
        return super().preflight()

    # --- data
    def _prepare(self, findings) -> None:
        data = self.pipeline.data
        backbone = self._loaded = self._loaded or self._load_backbone()
        most = backbone.max_length or 2**31  # None: without a bound
        bound = min(_LONGEST, most) if data.max_length == "auto" else data.max_length
        if bound > most:
            raise ConfigError(f"data.max_length: got {bound}, but {self.source.name} reads {most} tokens at most.")
        texts, train = self._texts(self.samples), self.samples.rows("train")
        self.preprocessor = backbones.HubPreprocessor(backbones.HubTokens(self._preprocessor, bound, name="tokens"))
        sequences = datasets.Sequences.of(*self.preprocessor.cut(texts))
        lengths, longest = sequences.lengths[self.samples.frame.index], int(sequences.lengths[train].max())
        long = (lengths >= bound).sum()
        if data.max_length == "auto" and longest < bound:
            long = (lengths > longest).sum()
            self.preprocessor.tokens.max_length = self.preprocessor.tokens.preprocessor.sequence_length = bound = (
                longest
            )
            sequences = datasets.Sequences.of(*self.preprocessor.cut(texts))
        count = self.preprocessor.vocabulary_size
        self.samples = datasets.check_pieces(self.samples, sequences, count, bound, int(long), findings)
        self.samples.facts["multi_label"] = self.target.name == "labels"
        self.samples.store = self._store(sequences)

    def _store(self, sequences) -> "datasets.TextStore":
        few = training.compiles_every_shape(self.pipeline.train.jit_compile)
        return datasets.TextStore({"ids": sequences}, few_shapes=few)

    def _store_of(self, texts: list[str]) -> "datasets.TextStore":
        return self._store(datasets.Sequences.of(*self.preprocessor.cut(texts)))

    def _take_preprocessor(self, model) -> None:
        if self._preprocessor_of is not model:
            self.preprocessor, self._preprocessor_of = backbones.HubPreprocessor.of(model), model

    # --- model
    def _load_backbone(self):
        source, weighted = self.source, self.pipeline.model.weights != "none"
        preset = backbones.load_text_preset(source.location, source.name, weighted, self.pipeline.seed)
        self._preprocessor = self._preprocessor or preset.preprocessor
        return preset.backbone

    def build(self, for_training: bool):
        backbone, outputs, model = self.take_backbone(), self.target.outputs, self.pipeline.model
        return backbones.finetuned_texts(backbone, outputs, model, seed=self.pipeline.seed, pad=self.preprocessor.pad)

    def _feature_inputs(self, rows: np.ndarray):
        return datasets.evaluation_text_batches(self.samples.store, rows, None, batch_size=_INFERENCE_BATCH)

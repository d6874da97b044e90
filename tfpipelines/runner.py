"""The steps of every run: data, model, training, evaluation; each leaves its files in the run folder."""

import hashlib
import math
import statistics
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from . import datasets, decisions, evaluation, metrics, models, networks, training
from .choosing import Choice, require_validation
from .core import config
from .core.files import atomic_write, file_hash, write_json
from .core.machine import release_memory
from .core.observer import Observer
from .core.pipeline_files import code_facts, with_train, write_pipeline
from .core.processes import Group
from .core.run_files import found_json, read_json, read_table
from .core.run_folder import DEFAULT_BATCH_SIZE, START, RunFolder, ending
from .core.run_shapes import RUN_METRICS
from .core.unchanged import require_same_data, require_same_splits, splits_text, with_resumption, write_splits
from .core.words import counted, duration
from .datasets import Findings
from .errors import ConfigError, MemoryExhaustedError, NothingFitsError, ResourceError
from .tasks import new_task
from .tasks.abilities import Ability
from .tasks.base import Task
from .tasks.trainable import Loaded, Phase, Trainable

_OF_FOLDS = ("time.training", "time.evaluation")  # what is put together of the metrics of folds
_SURROUNDINGS = ("versions", "plugins", "threads")  # that the last digits hang on
_UNUSED = 0.2  # share of the training samples without a place in an epoch that is worth a note
_QUICK_CHECKPOINTS = 5.0  # seconds between checkpoints where epochs take a moment each


class Runner:
    """The stages of a run. With folds, those from the splits on are repeated for each fold.

    Every stage takes the task as the one before it returns it: `Task`, `Loaded`, `Trainable`.

    Args:
        folder: held locked by the caller.
        stop: entered already; it may have received a signal.
        resume: go on from the folder's checkpoints.
        trial: train as a trial of a search does: the model file is left to the caller, fewer checkpoints are written,
            and no scalars for TensorBoard.
        began: when the run began, as `time.perf_counter` tells it; default: now. `train.time` counts from then.
        group: the processes that carry it out together; None: this one alone. Those that do not lead train along, and
            write nothing.
    """

    whole_steps: int | None = None  # of an epoch, where those of a measuring run are fewer
    calls: int | None = None  # of the compiled function in an epoch of a measuring run

    def __init__(
        self,
        folder: RunFolder,
        observer: Observer,
        stop: training.StopSignals,
        resume: bool,
        trial: bool = False,
        began: float | None = None,
        group: Group | None = None,
    ):
        self.folder, self.observer, self.stop, self.resume, self.trial = folder, observer, stop, resume, trial
        self.began = time.perf_counter() if began is None else began
        self.group = group or Group()
        self.data_seconds = 0.0
        self._told_unused = False

    def run(self, task: Task, command: str = "", fold: int | None = None) -> dict[str, Any]:
        """Carries a task out, from the first byte read to the last one written.

        Args:
            command: to be recorded.
            fold: of a cross-validation, run this one alone.

        Returns:
            The content of metrics.json.
        """
        folder = self.folder
        with ending(folder):
            self.stop.raise_if_interrupted()
            try:
                with networks.user_errors(task.pipeline.model), training.memory_errors(), datasets.data_errors():
                    content = self._all(task, command, fold)
            except MemoryExhaustedError as error:
                smaller = f"{folder.as_new_run()} train.batch_size={max(1, task.pipeline.train.batch_size // 2)}"
                error.remedy = f"Free memory and `tfpipe resume {folder}`, or try: {smaller}"
                raise
        self.observer.finished(folder, content)
        return content

    def _all(self, task: Task, command: str, fold: int | None) -> dict[str, Any]:
        began = time.perf_counter()
        if task.asked.train.precision == "auto":  # before environment.json, which tells what the run began as
            task.asked, task.pipeline = map(decisions.with_precision, (task.asked, task.pipeline))
            write_pipeline(self.folder, task.asked)
            if task.asked.train.precision != "float32":
                self.observer.note(f"train.precision={task.asked.train.precision} on this machine")
        self.environment(task.asked, command)
        self._tell_idle(task)
        findings = Findings()
        task.begin()
        for pipeline in task.asked.candidates()[1:]:
            new_task(pipeline).begin()
        known = found_json(self.folder / "data.json") if self.resume else {}
        if self.resume:
            task.resume(known)
        try:
            loaded = task.load(findings)
        finally:
            if findings.entries and "content_hash" not in known:  # else they are what the run must stay equal to
                write_json(self.folder / "data.json", {"findings": findings.as_list()})
        findings.raise_errors()
        self.data_seconds = round(time.perf_counter() - began, 3)
        if loaded.folds() and fold is None:
            content = self.every_fold(loaded, findings)
        else:
            content = self.single(loaded, self.folder, findings, fold if loaded.folds() else None)
        content["time"]["total"] = round(time.perf_counter() - began, 3)
        write_json(self.folder / "metrics.json", content)
        return content

    def environment(self, pipeline: config.Pipeline, command: str) -> None:
        """Writes environment.json; on resume, says what is no longer the same."""
        facts = now = training.environment_facts(pipeline.seed, command, config.packages_of(pipeline))
        if self.group.facts:
            facts["distribution"] = self.group.facts
        before = read_json(self.folder / "environment.json")
        if self.resume and before:
            changes = (config.difference(before.get(key, {}), facts.get(key, {}), f"{key}.") for key in _SURROUNDINGS)
            if changed := "; ".join(line for lines in changes for line in lines):
                self.observer.warning(
                    f"Not the environment that the run began in, so the last digits may differ: {changed}"
                )
            facts = with_resumption(before, facts)
        else:
            facts["pipeline"] = config.as_dict(pipeline)
            if code := code_facts(pipeline):
                facts["code"] = code
        write_json(self.folder / "environment.json", facts)
        self.observer.environment(now | facts)

    def _tell_idle(self, task: Task) -> None:
        """Says how more of the devices could take part, where there are some that do not."""
        count = training.accelerators()
        if self.trial or self.group.facts or count < 2 or Ability.DIVIDES not in task.abilities:
            return
        how = "train.distribute=data on the jax backend (KERAS_BACKEND=jax)"
        self.observer.note(f"this run uses one of {count} accelerators; several train one network by {how}")

    def every_fold(self, loaded: Loaded, findings: Findings) -> dict[str, Any]:
        """Each fold in a folder of its own; folds that are done are not repeated."""
        results, tables = [], []
        for fold in range(loaded.folds()):
            inner = self.folder.child(f"fold-{fold}")
            if inner.status.get("state") == "done":
                content = read_json(inner / "metrics.json", _OF_FOLDS, RUN_METRICS)
            else:
                self.observer.note(f"Fold {fold} of {loaded.folds()}")
                inner.set_status("running", fold=fold)
                write_pipeline(inner, loaded.asked)
                content = self.single(loaded, inner, findings, fold)
                inner.finish()
            results.append(content)
            table = read_table(inner / "predictions.csv", text=("item", "text", "label", "predicted"))
            tables.append(table.assign(fold=fold))
        atomic_write(self.folder / "predictions.csv", pd.concat(tables).to_csv(index=False, lineterminator="\n"))
        return metrics.summarize_folds(results)

    def single(self, loaded: Loaded, folder: RunFolder, findings: Findings, fold: int | None = None) -> dict[str, Any]:
        """Splits, training and evaluation in one folder."""
        task = self.splits(loaded, folder, findings.copy(), fold)
        if task.pipeline.train.time is not None:
            self._fit_epochs(task, folder, loaded.folds() if fold is not None and folder is not self.folder else 1)
        if task.asked.chooses:
            return self._of_the_best(task, folder, fold)
        self._require_alike(task)
        artifact = self.fresh_artifact(task)
        history, best = self.train(task, folder, artifact)
        if not self.group.leads:  # the rest is done by one process
            return {"time": {}}
        artifact.set_weights(best.best_weights)
        content = self._measured(task, folder, artifact, history, best.best_epoch)
        write_json(folder / "metrics.json", content)
        return content

    def _require_alike(self, task: Trainable) -> None:
        """Refuses what several processes or devices cannot train; it takes the data to tell.

        Raises:
            ConfigError, DataError: with what is in the way.
        """
        if not self.group.facts:
            return
        pipeline = task.pipeline
        if not task.learns:
            cause = f"train.distribute=data: {pipeline.network} is fitted at once, and not trained by steps."
            raise ConfigError(cause, "Leave it out, or name a network that is trained.")
        self.group.require_batches(pipeline.train.batch_size)
        known = [config.to_yaml(pipeline), splits_text(task.split_table()), training.versions()]
        self.group.require_same(hashlib.sha256("\0".join(known).encode()).hexdigest(), "data, fields or versions")

    def _of_the_best(self, task: Trainable, folder: RunFolder, fold: int | None) -> dict[str, Any]:
        """The same where the network is to be chosen: the test split is opened for the best one alone."""
        choice = Choice(self, task, folder, fold)
        content = read_json(folder / "metrics.json") if self.resume else {}
        if "candidates" not in content:  # else the run ended after all was measured
            best = choice.best()
            content = self._measured(best.task, folder, best.artifact, best.history, best.best_epoch)
            content["candidates"] = best.table
            content["time"]["training"] = round(sum(entry["seconds"] for entry in best.table), 3)
            write_json(folder / "metrics.json", content)
        choice.close()
        return content

    def _measured(
        self, task: Trainable, folder: RunFolder, artifact: "models.Artifact", history: list[dict], best_epoch: int
    ) -> dict[str, Any]:
        """Evaluates what has been trained, and writes the model; the content of metrics.json."""
        self.stop.raise_if_interrupted()
        began = time.perf_counter()
        content = task.evaluate(artifact, folder, history, best_epoch)
        if boxes := evaluation.told_boxes():
            content["about"] = [*content.get("about", []), boxes]
        self.save_model(artifact, folder)
        if best_epoch:  # else it is a combination of networks, each with epochs of its own
            content["best_epoch"] = best_epoch
        content["network"] = {"name": artifact.network.name, "parameters": artifact.network.count_params()}
        content["time"] = {"data": self.data_seconds, **task.times}
        content["time"]["training"] = round(sum(row["seconds"] for row in history), 3)
        if history:
            of_last_phase = [row["seconds"] for row in history if row.get("phase") == history[-1].get("phase")]
            content["time"]["epoch"] = round(statistics.median(of_last_phase), 3)
        content["time"]["evaluation"] = round(time.perf_counter() - began, 3)
        return content

    def splits(
        self, loaded: Loaded, folder: RunFolder, findings: Findings, fold: int | None, any_batch_size: bool = False
    ) -> Trainable:
        """Checks the splits and writes them; on resume, they must be those that the run began with. What it gives is
        ready to be trained.

        Args:
            any_batch_size: whether batches may be larger than the training split: a search has other sizes, too.
        """
        chooses = loaded.asked.chooses
        if chooses:  # an earlier fold may have ended with another network
            loaded.pipeline = loaded.asked.candidates()[0]
        task = loaded.check(findings, fold)
        if chooses:
            require_validation(task, findings)
        facts, table = task.describe(findings), task.split_table()
        if self.resume and (folder / "splits.csv").is_file():
            text = splits_text(table)
            if chooses:  # data.json may be that of the chosen network already
                require_same_splits(folder, text)
            else:
                require_same_data(folder, text, facts)
        write_json(folder / "data.json", facts)
        findings.raise_errors()
        write_splits(folder / "splits.csv", table)
        self.observer.data(facts)
        if task.steps_per_epoch() < 1 and folder.status.get(DEFAULT_BATCH_SIZE):
            self._fit_batch_size(task, folder)
        if not any_batch_size:
            task.require_steps()
        task.prepare_training()
        release_memory()  # reading and checking take more than what they leave
        return task

    def _fit_batch_size(self, task: Trainable, folder: RunFolder) -> None:
        """Takes a batch size that the data allow, where nobody has asked for the larger one."""
        before, size = task.pipeline.train.batch_size, task.fitting_batch_size
        self._decide(task, folder, {"batch_size": size})
        few = "the training split is smaller than a batch of the default size"
        self.observer.note(f"train.batch_size={size} instead of {before}: {few}")

    def _decide(self, task: Trainable, folder: RunFolder, fields: dict[str, Any]) -> None:
        """Takes other values of fields of `train`, and writes what the run is now."""
        task.asked, task.pipeline = (with_train(pipeline, fields) for pipeline in (task.asked, task.pipeline))
        # In this order: if it ends in between, a resumed run finds the earlier ones in pipeline.yaml and does the same.
        environment = read_json(folder / "environment.json")
        write_json(folder / "environment.json", {**environment, "pipeline": config.as_dict(task.asked)})
        write_pipeline(folder, task.asked)

    def _fit_epochs(self, task: Trainable, folder: RunFolder, parts: int) -> None:
        """Fits the number of epochs to `train.time`.

        Args:
            parts: runs of folds that share it.
        """
        seconds, maker = task.pipeline.train.time or 0.0, partial(type(self), stop=self.stop, resume=False)
        self.observer.note(f"train.time={duration(seconds)}: measuring what an epoch and the evaluation take")

        def left() -> float:
            return (seconds - (time.perf_counter() - self.began)) / parts

        fields = {"time": None}
        if task.learns:
            fields = decisions.decided_epochs(task, maker, folder, left, parts=parts)
        self._decide(task, self.folder, fields)
        if folder is not self.folder:
            write_pipeline(folder, task.asked)
            folder.set_status("running", epochs=task.epochs)
        self.folder.set_status("running", epochs=task.epochs)
        told = ", ".join(f"train.{name}={value:g}" for name, value in fields.items() if value is not None)
        fit = f"{counted(task.epochs, 'epoch')} fit ({told})" if told else "there are no epochs to be fitted to it"
        self.observer.note(f"train.time={duration(seconds)}: {fit}")

    def measure(self, task: Trainable, evaluates: bool) -> float:
        """Trains as a run does, then evaluates, all in this runner's folder, to learn what it takes.

        Args:
            evaluates: whether the test split is evaluated.

        Returns:
            The seconds of all that follows the training.
        """
        artifact = self.fresh_artifact(task)
        history, best = self.train(task, self.folder, artifact)
        artifact.set_weights(best.best_weights)
        import sklearn.metrics  # noqa: F401  whose loading is no part of an evaluation

        began = time.perf_counter()
        if not evaluates:
            task.validate(artifact, self.folder)
            return time.perf_counter() - began
        content = self._measured(task, self.folder, artifact, history, best.best_epoch)
        write_json(self.folder / "metrics.json", content)
        return time.perf_counter() - began

    def train(
        self, task: Trainable, folder: RunFolder, artifact: "models.Artifact", alone: bool = True
    ) -> tuple[list[dict], training.BestModel]:
        """Builds the network, gives it the weights to start from, and fits it, phase by phase.

        Args:
            artifact: in which the best weights so far are saved.
            alone: whether the network is that of the run; of one of several candidates no model file is written.

        Returns:
            The rows of history.csv, and the best weights of the network.
        """
        settings = task.pipeline.train
        if settings.deterministic:
            training.make_deterministic()
        with self.group.training(task):
            return self._train(task, folder, artifact, alone)

    def _train(
        self, task: Trainable, folder: RunFolder, artifact: "models.Artifact", alone: bool
    ) -> tuple[list[dict], training.BestModel]:
        settings = task.pipeline.train
        with training.precision(settings.precision):
            network = task.build(for_training=True)
        start = {name: path for name in task.weight_files if (path := self.folder / f"{START}{name}").is_file()}
        if start:
            self._start_from(task, network, start, alone)
        shape, steps = list(network.inputs[0].shape[1:]), task.steps_per_epoch()
        facts = {
            "name": network.name,
            "parameters": network.count_params(),
            "input_shape": shape,
            "steps_per_epoch": steps,
        }
        self.observer.model(facts)
        history: list[dict] = []
        best: training.BestModel | None = None
        for phase in task.phases(network, self.observer.note):
            history, best = self.fit(phase, network, artifact, folder, history, best, alone)
            best.best_weights = training.whole_weights(network, phase.model, best.best_weights)
            if not phase.last:
                network.set_weights(best.best_weights)
        assert best is not None  # there is a phase at least
        return history, best

    def _start_from(self, task: Trainable, network, files: dict[str, Path], alone: bool) -> None:
        """Gives a network the weights of an earlier run."""
        try:
            left = ", ".join(task.start_from(network, files))
        except NothingFitsError:
            if alone:
                raise
            self.observer.note("No layer of the run that is started from fits this candidate: it starts anew")
            return
        if left:
            self.observer.note(f"Layers that start anew, because their shape, classes or words are different: {left}")

    def fit(
        self,
        phase: Phase,
        network,
        artifact,
        folder: RunFolder,
        before: list[dict],
        earlier: training.BestModel | None,
        alone: bool = True,
    ) -> tuple[list[dict], training.BestModel]:
        """One phase of the training.

        Args:
            network: the model of the phase, or what its layers are part of.
            artifact: in which the best weights so far are saved.
            before, earlier: history and best weights of the network from the phases before.
            alone: see `train`.

        Returns:
            The history with the phase's epochs, and its best weights.
        """
        task, settings, model = phase.task, phase.settings, phase.model
        values = settings.batch_size * math.prod(size or 1 for size in model.inputs[0].shape[1:])
        together = training.steps_per_execution(
            settings.steps_per_execution, self.whole_steps or task.steps_per_epoch(), values
        )
        if self.whole_steps and self.calls:
            task.pipeline = with_train(task.pipeline, {"steps_per_epoch": min(self.whole_steps, self.calls * together)})
        steps, validation = task.steps_per_epoch(), phase.validation_batches()
        if not phase.quick:
            self._tell_unused(task, steps)
        done, checkpoints = len(before), folder / "checkpoints"
        if not phase.last:
            checkpoints = checkpoints / phase.name
            checkpoints.mkdir(exist_ok=True)
        if phase.name:
            trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
            self.observer.phase({"name": phase.name, "trained": trained, "epochs": settings.epochs})
        optimizer = training.build_optimizer(settings, steps, phase.rates())
        task.compile(
            model,
            optimizer,
            jit_compile=training.jit_compile(settings.jit_compile, model),
            steps_per_execution=together,
        )
        averaged = training.averaging(settings, optimizer, phase.averaged)
        weights = averaged.model_weights if averaged else model.get_weights
        monitored = task.monitored if validation is None else f"val_{task.monitored}"

        def save(weights) -> None:
            with self.group.apart():
                artifact.set_weights(training.whole_weights(network, model, weights))
                if alone and not self.trial and self.group.leads:
                    self.save_model(artifact, folder)

        def after_epoch(row: dict) -> None:
            folder.set_status("running", epoch=row["epoch"])
            self.observer.epoch(row, done + settings.epochs, steps * settings.batch_size)

        best = training.BestModel(monitored, save, weights, done, settings.keep, phase.quick)
        if earlier is not None:
            best.go_on_from(earlier, earlier.best_weights)
        history = training.History(folder / "history.csv", after_epoch, before, phase.name)
        callbacks = [training.StopOnNaN(settings.learning_rate), *([averaged] if averaged else [])]
        callbacks += phase.callbacks(folder, artifact, weights, self.observer.note)
        if settings.schedule == "plateau":
            falls = {"factor": settings.decay_factor, "patience": settings.decay_epochs}
            callbacks.append(training.ReduceLROnPlateau(monitored, mode="min", **falls))
        if settings.early_stopping:
            callbacks.append(training.EarlyStopping(monitored, mode="min", patience=settings.early_stopping))
        callbacks += [best, history]
        if not self.trial and self.group.leads:
            callbacks.append(training.TensorBoardScalars(folder / "logs" / "tensorboard", done))
        callbacks.append(training.Progress(self.observer.step, steps, done))
        try:
            training.fit(
                model,
                phase.training_batches,
                validation,
                epochs=settings.epochs,
                steps_per_epoch=steps,
                checkpoints=training.Checkpoints(checkpoints),
                callbacks=callbacks,
                stop=self.stop,
                group=self.group,
                checkpoint_steps=settings.checkpoint_steps,
                checkpoint_seconds=_QUICK_CHECKPOINTS if phase.quick or self.trial else 0.0,
                on_resume=lambda epochs: self.observer.note(
                    f"continues after epoch {done + epochs}" if done + epochs else "continues in epoch 1"
                ),
                on_damage=lambda names: self.observer.warning(f"Damaged checkpoint passed over: {'; '.join(names)}"),
            )
        except BaseException:
            with suppress(ResourceError):  # the error that led here is the one to tell
                best.flush()
            raise
        if phase.last:
            best.flush()
        return history.rows, best

    def _tell_unused(self, task: Trainable, steps: int) -> None:
        """Says once if an epoch has no place for many of the training samples: it consists of whole batches."""
        count, size = int((task.split_table()["split"] == "train").sum()), task.pipeline.train.batch_size
        unused = count - steps * size
        if self._told_unused or steps != count // size or unused <= _UNUSED * count:
            return
        self._told_unused = True
        fitting = next(
            power
            for power in (2**place for place in range(20, -1, -1))
            if power < size and count % power <= _UNUSED * count
        )
        told = f"an epoch of whole batches leaves out {unused} of {count} training samples, others each time"
        self.observer.note(f"{told}: train.batch_size={fitting} instead of {size} would leave out {count % fitting}")

    def save_model(self, artifact, folder: RunFolder) -> None:
        """Writes model.keras, having put its hash into status.json beside that of the file it replaces."""
        for name, write_file in artifact.beside.items():
            atomic_write(folder / name, write_file)

        def write(temporary: Path) -> None:
            artifact.save(temporary)
            before = folder.status.get("model_sha256", [])[:1]
            folder.set_status("running", model_sha256=[file_hash(temporary), *before])

        atomic_write(folder / "model.keras", write)

    def fresh_artifact(self, task: Trainable) -> "models.Artifact":
        """The model file around a new network, of plain layers and in float32."""
        with training.precision("float32"):
            return task.artifact(task.build(for_training=False))

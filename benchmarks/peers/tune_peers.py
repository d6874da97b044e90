"""A search by plain KerasTuner or by Optuna over the space of a pipeline, each trial trained in this process by the
pipeline's own training.

    python tune_peers.py {keras_tuner,optuna} SEED TRIALS OVERRIDES...

Prints, as its last line, JSON: after each trial the epochs spent by all so far and the best validation accuracy so far.
"""

import json
import sys
import tempfile
from pathlib import Path

import keras

from tfpipelines.core.config import parse_overrides, with_values
from tfpipelines.core.observer import Observer
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.runner import Runner
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tasks.base import checked
from tfpipelines.tuning.attempt import Halt, Halted
from tfpipelines.tuning.plan import Plan
from tfpipelines.tuning.space import Space


class Told(Observer):
    """Keeps the rows of history.csv, and asks after each whether to stop."""

    def __init__(self, halt: Halt, stop):
        self.rows, self.halt, self.stop = [], halt, stop

    def epoch(self, row, epochs, samples):
        self.rows.append(row)
        if row["epoch"] < epochs and self.stop(row["epoch"], row["val_accuracy"]):
            self.halt.ask("pruned")


def train(content: dict, values: dict, folder: Path, stop=lambda epoch, value: False) -> tuple[float, int]:
    """Validation accuracy of the kept epoch, and epochs done."""
    keras.backend.clear_session()
    task, halt = checked(new_task(with_values(content, values, SCHEMAS, "trial"))), Halt()
    told = Told(halt, stop)
    run = RunFolder(folder).child(f"{len(list(folder.iterdir())):04d}")
    runner = Runner(run, told, halt, resume=False, trial=True)
    try:
        runner.train(task, run, runner.fresh_artifact(task))
    except Halted:
        pass
    return min(told.rows, key=lambda row: row["val_loss"])["val_accuracy"], len(told.rows)


def main() -> None:
    peer, seed, trials, *words = sys.argv[1:]
    plan = Plan.of("image-cls", {**parse_overrides(words), "seed": seed}, SCHEMAS)
    space, found = Space(plan.pipeline.search.space), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def attempt(values: dict, stop=lambda epoch, value: False) -> float:
            accuracy, epochs = train(plan.content, values, folder, stop)
            spent, best = found[-1] if found else (0, 0.0)
            found.append((spent + epochs, max(best, accuracy)))
            return accuracy

        {"keras_tuner": by_keras_tuner, "optuna": by_optuna}[peer](space, int(seed), int(trials), attempt)
    print(json.dumps(found))


def by_keras_tuner(space: Space, seed: int, trials: int, attempt) -> None:
    import keras_tuner

    class Tuner(keras_tuner.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            return {"val_accuracy": attempt(space.decode(trial.hyperparameters.values))}

    with tempfile.TemporaryDirectory() as name:
        objective = keras_tuner.Objective("val_accuracy", "max")
        Tuner(
            objective=objective,
            max_trials=trials,
            seed=seed + 1,
            hyperparameters=space.hyperparameters(),
            directory=name,
            max_consecutive_failed_trials=trials,
        ).search()  # 0 is no seed there


def by_optuna(space: Space, seed: int, trials: int, attempt) -> None:
    import optuna

    def objective(trial):
        values = {}
        for path, dimension in space.dimensions.items():
            choices = space.choices(path)
            if choices is not None:
                values[path] = choices[trial.suggest_categorical(path, list(range(len(choices))))]
            elif dimension.whole:
                values[path] = trial.suggest_int(path, dimension.min, dimension.max, log=dimension.scale == "log")
            else:
                values[path] = trial.suggest_float(path, dimension.min, dimension.max, log=dimension.scale == "log")

        def stop(epoch, value):
            trial.report(value, epoch)
            return trial.should_prune()

        return attempt(values, stop)

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner()
    )
    study.optimize(objective, n_trials=trials, catch=(Exception,))


if __name__ == "__main__":
    main()

"""One block of predictions, in whatever process: the part that it writes is a function of plan and number."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.files import atomic_write, require_held
from ..core.outputs import as_bytes
from ..core.urls import Url
from ..core.words import is_url
from ..datasets import Inputs, identifiers_of
from ..errors import ConfigError, DataError
from ..evaluation import cell_as_text, to_csv, with_input_columns
from ..result import Run, open_run
from ..tasks import task_class
from .blocks import Plan, answer_hash


class BlockPredictor:
    """Carries out blocks of a plan.

    Args:
        plan: what is predicted.
        folder: that the parts are written to, an absolute path.
        inputs: those of the plan, with what is secret in URLs. Relative paths start from the working folder, which must
            be `plan.base`.
        trust: run the code of a network that the run folder holds.
    """

    def __init__(self, plan: Plan, folder: Path, inputs: list[str], trust: bool = False):
        self.plan, self.folder, self.trust = plan, folder, trust
        self._inputs = Inputs([Url(name) if is_url(name) else Path(name) for name in inputs])

    @cached_property
    def _run(self) -> Run:
        return open_run(self.plan.run, self.trust)

    def count(self) -> Plan:
        """The plan with the number of inputs and the hash of their names and sizes.

        Raises:
            DataError: if they, or the files of the run, are not those that it was made for.
        """
        run = self._run
        if answer_hash(run.folder, task_class(run.pipeline.task).weight_files) != self.plan.model:
            cause = f"{run.folder} has changed since these predictions began."
            raise DataError(cause, "Predict anew: name another folder with --out.")
        self._predict(0, 0)
        self.plan = self.plan.counted(self._inputs.count, self._inputs.digest())
        return self.plan

    def carry_out(self, number: int) -> int:
        """Writes the part of a block, whole or not at all; the number of inputs that could not be read.

        Call `count` before.
        """
        table = self._complete(self._predict(*self.plan.places(number)))
        wrong = table["error"] != ""
        bad = pd.DataFrame({name: table[name][wrong] for name in ("item", "error")})
        errors = self.folder / self.plan.errors(number)
        if len(bad):
            atomic_write(errors, as_bytes(to_csv(bad, self.plan.safe_csv, header=False)))
        else:  # an earlier process may have found some, and died before it wrote the part
            require_held(errors)
            errors.unlink(missing_ok=True)
        if self.plan.form == "csv":
            atomic_write(self.folder / self.plan.part(number), as_bytes(to_csv(table, self.plan.safe_csv)))
        else:
            atomic_write(self.folder / self.plan.part(number), lambda temporary: write_parquet(table, temporary))
        return len(bad)

    def _predict(self, start: int, stop: int) -> pd.DataFrame:
        plan = self.plan
        inputs = self._inputs.part(start, stop)
        return self._run.predict(inputs, plan.batch_size, overrides=plan.overrides, keep_columns=plan.keep_columns)

    def _complete(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the columns that those of all blocks have."""
        if "error" not in table:
            table["error"] = ""
        table["error"] = [error or "" for error in table["error"]]
        wanted, kept = self._of_inputs, table.attrs.get("input_columns", [])
        own = table.drop(columns=kept)
        own.attrs = {}
        named = with_input_columns(own, pd.DataFrame(index=own.index, columns=wanted, dtype=object))
        for name in named.attrs.get("input_columns", ()):
            if name in kept:
                named[name] = table[name]
        return named

    @cached_property
    def _of_inputs(self) -> list[str]:
        """The columns of all tables among the inputs that predictions have."""
        if not (self.plan.keep_columns or "text_column" in type(self._run.pipeline.data).model_fields):
            return []  # images tell where they come from
        tables = [entry.table.given for entry in self._inputs.found or () if entry.table is not None]
        whole = self.plan.keep_columns
        names = (given if whole else given[identifiers_of(given)] for given in tables if given is not None)
        return list(dict.fromkeys(name for given in names for name in given.columns))


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Writes a table whose columns have types that do not hang on the rows: float64, or text.

    Raises:
        ConfigError: without pyarrow.
    """
    pyarrow, parquet = require_pyarrow()
    schema, columns = [], []
    for name in table.columns:
        cells = table[name]
        number = pd.api.types.is_float_dtype(cells)
        kind = pyarrow.float64() if number else pyarrow.string()
        values = cells.tolist() if number else list(map(_as_text, cells))
        columns.append(pyarrow.array(values, kind, from_pandas=True))
        schema.append((str(name), kind))
    parquet.write_table(pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(schema)), path)


def _as_text(cell: Any) -> str | None:
    """A cell as Parquet takes it; of a file's name that is no UTF-8, what is."""
    return None if cell is None else as_bytes(cell_as_text(cell)).decode("utf-8", "replace")


def require_pyarrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet part.

    Raises:
        ConfigError: if it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        remedy = "Install it: pip install 'tfpipelines[parquet]', or leave --format parquet out."
        raise ConfigError("Writing Parquet needs pyarrow.", remedy) from error
    return pyarrow, pyarrow.parquet

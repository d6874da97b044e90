"""What is to be predicted, in blocks, and where each of them is written. Nothing here loads TensorFlow.

A block is known by its number: `BlockPredictor.carry_out(number)` of whatever process, on whatever host that sees the
same files, writes the same part. So whoever hands blocks out, a pool of processes or a cluster, needs no more than a
`Plan`, which is JSON.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..core.config import CODE_COPY, difference
from ..core.files import file_hash, write_json
from ..core.run_files import damaged, read_json
from ..core.run_folder import THRESHOLD
from ..core.words import is_url
from ..errors import ConfigError, DataError

# Names of files beside the parts begin with _ or a dot: whoever reads a folder of Parquet files passes these over.
FILE, LOG, ERRORS = "_plan.json", "_log.txt", "_errors.csv"
FORMS = ("csv", "parquet")


def answer_hash(run: Path, weight_files: Iterable[str]) -> str:
    """SHA-256 over the files of a run that its answers depend on: weights, pipeline, threshold, code of a network.

    Args:
        run: the run folder.
        weight_files: names of those with weights.
    """
    digest = hashlib.sha256()
    for name in sorted({*weight_files, "model.keras", "pipeline.yaml", THRESHOLD, CODE_COPY}):
        path = run / name
        digest.update(f"{name} {file_hash(path) if path.is_file() else ''}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Plan:
    """Of predictions for many files.

    Args:
        run: the run folder, an absolute path.
        model: SHA-256 of all of the run that answers depend on, see `answer_hash`.
        inputs: paths, glob patterns and URLs, as given but for what is secret.
        base: folder that relative ones start from.
        overrides: of fields of `data`, by dotted key.
        batch_size: inputs that go through the model at once.
        block_size: inputs of a block.
        form: csv or parquet.
        keep_columns, safe_csv: as those of `tfpipe predict`.
        count: inputs; None before they were counted.
        digest: of their names and sizes; "" before.
        done: whether all is written.
        bad: inputs that could not be read, once all is written.
    """

    run: str
    model: str
    inputs: list[str]
    base: str
    overrides: dict[str, Any]
    batch_size: int
    block_size: int
    form: str
    keep_columns: bool
    safe_csv: bool
    count: int | None = None
    digest: str = ""
    done: bool = False
    bad: int = 0

    def save(self, folder: Path) -> None:
        """Writes it into the folder of the parts."""
        write_json(folder / FILE, self.written)

    @property
    def written(self) -> dict[str, Any]:
        """Its fields as JSON holds them. Names that are no UTF-8 are escaped; for such, see `here`."""
        told = lambda name: name.encode("utf-8", "backslashreplace").decode()
        places = {"run": told(self.run), "base": told(self.base), "inputs": list(map(told, self.inputs))}
        return {**asdict(self), **places}

    @classmethod
    def load(cls, folder: Path) -> "Plan":
        """Reads it.

        Raises:
            ArtifactError: if it is damaged.
        """
        names = [field.name for field in fields(cls)]
        content = read_json(folder / FILE, names)
        plan = cls(**{name: content[name] for name in names})
        sizes = (plan.batch_size, plan.block_size, plan.count or 1)
        if plan.form not in FORMS or not all(isinstance(size, int) and size > 0 for size in sizes):
            damaged(folder / FILE, "it has a form or a number that there cannot be")
        return plan

    def require_same(self, folder: Path, asked: "Plan") -> None:
        """Refuses to go on with other predictions than those asked for.

        Raises:
            ConfigError: with what differs.
        """
        same = replace(asked, count=self.count, digest=self.digest, done=self.done, bad=self.bad, run=self.run)
        if all(is_url(name) or Path(name).is_absolute() for name in self.inputs):
            same = replace(same, base=self.base)
        if changed := difference(self.written, same.written):
            cause = f"{folder} holds other predictions than those asked for."
            raise ConfigError(cause, "Name another folder with --out, or ask for the same.", changed)

    def here(self, asked: "Plan") -> "Plan":
        """This plan with the paths of another one of the same predictions, as they are on this host."""
        return replace(self, run=asked.run, base=asked.base, inputs=asked.inputs)

    def counted(self, count: int, digest: str) -> "Plan":
        """With what was found at its inputs.

        Raises:
            DataError: if something else was found before.
        """
        if self.digest and (count, digest) != (self.count, self.digest):
            number = "other names or sizes" if count == self.count else f"{count:,} instead of {self.count:,}"
            cause = f"The inputs are not those that these predictions began with: {number}."
            raise DataError(cause, "Bring them back, or predict them anew: name another folder with --out.")
        return replace(self, count=count, digest=digest)

    @property
    def blocks(self) -> int:
        """Their number, once the inputs are counted."""
        return -(-(self.count or 0) // self.block_size)

    def places(self, number: int) -> tuple[int, int]:
        """The place of the first input of a block, and that behind its last one."""
        return number * self.block_size, min((number + 1) * self.block_size, self.count or 0)

    def part(self, number: int) -> str:
        """The name of the file of a block."""
        return f"part-{number:06d}.{self.form}"

    @staticmethod
    def errors(number: int) -> str:
        """The name of the file with what of a block could not be read, which is there before the part is."""
        return f".errors-{number:06d}.csv"

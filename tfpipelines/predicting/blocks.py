"""What is to be predicted, in blocks, and where each of them is written. Nothing here loads TensorFlow.

A block is known by its number: `BlockPredictor.carry_out(number)` of whatever process, on whatever host that sees the
same files, writes the same part. So whoever hands blocks out, a pool of processes or a cluster, needs no more than a
`Plan`, which is JSON.
"""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..core.config import difference
from ..core.files import write_json
from ..core.run_files import damaged, read_json
from ..errors import ConfigError, DataError

# Names of files beside the parts begin with _ or a dot: whoever reads a folder of Parquet files passes these over.
FILE, LOG, ERRORS = "_plan.json", "_log.txt", "_errors.csv"
FORMS = ("csv", "parquet")


@dataclass(frozen=True)
class Plan:
    """Of predictions for many files.

    Args:
        run: the run folder, an absolute path.
        model: SHA-256 of its model.
        inputs: paths, glob patterns and URLs, as given but for what is secret.
        base: folder that relative ones start from.
        overrides: of fields of `data`, by dotted key.
        batch_size: inputs that go through the model at once.
        block_size: inputs of a block.
        form: csv or parquet.
        keep_columns, safe_csv: as those of `tfpipe predict`.
        count: inputs; None before they were counted.
        digest: of their names; "" before.
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
        write_json(folder / FILE, asdict(self))

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
        same = replace(asked, count=self.count, digest=self.digest, done=self.done, bad=self.bad)
        if changed := difference(asdict(self), asdict(same)):
            cause = f"{folder} holds other predictions than those asked for."
            raise ConfigError(cause, "Name another folder with --out, or ask for the same.", changed)

    def counted(self, count: int, digest: str) -> "Plan":
        """With what was found at its inputs.

        Raises:
            DataError: if something else was found before.
        """
        if self.digest and (count, digest) != (self.count, self.digest):
            number = "other ones" if count == self.count else f"{count:,} instead of {self.count:,}"
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

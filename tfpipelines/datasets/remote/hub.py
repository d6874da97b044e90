"""Datasets of the Hugging Face Hub: hf://datasets/USER/NAME[@REVISION][/CONFIG], fetched by the package `datasets`."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ...core.urls import Address, masked
from ...errors import ConfigError, DataError, ResourceError
from .origin import PATIENCE, Origin, Tell, UnreachableError, Version

_FORM = re.compile(r"datasets/([\w.-]+/[\w.-]+?)(?:@([^/@]+))?(?:/([^/]+))?/?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LEAST = 4  # version of datasets
_GONE = ("RepositoryNotFoundError", "RevisionNotFoundError", "DatasetNotFoundError", "DataFilesNotFoundError")


class Hub(Origin):
    """A dataset. It is loaded without running code of its own, and kept as `save_to_disk` writes it.

    Raises:
        ConfigError: if the URL has another form.
    """

    def __init__(self, address: Address):
        super().__init__(address)
        found = _FORM.fullmatch(address.url.partition("://")[2])
        if found is None:
            remedy = "Write hf://datasets/USER/NAME, with @REVISION and /CONFIG behind it if you like."
            raise ConfigError(f"{masked(address.url)} names no dataset of the Hugging Face Hub.", remedy)
        self.name, self.revision, self.config = found[1], unquote(found[2] or "") or None, found[3]

    @property
    def lasting(self) -> str:
        revision = self.address.revision or self.revision or ""
        return revision if _COMMIT.fullmatch(revision) else ""

    def look(self, known: str) -> Version:
        hub = self._package("huggingface_hub")
        try:
            revision = self.address.revision or self.revision
            facts = hub.HfApi().dataset_info(self.name, revision=revision, files_metadata=True, timeout=PATIENCE)
        except Exception as error:  # of huggingface_hub or of its client
            raise self._failed(error) from error
        sizes = [one.size for one in facts.siblings or ()]
        known_size = sum(sizes) if sizes and None not in sizes else None
        return Version(self.name.rpartition("/")[2], known_size, max(1, len(sizes)), facts.sha, f"revision {facts.sha}")

    def fetch(self, version: Version, part: Path, tell: Tell) -> Path:
        datasets, target = self._package("datasets"), part / "saved"
        shutil.rmtree(target, ignore_errors=True)
        try:
            found = datasets.load_dataset(self.name, self.config, revision=version.mark, cache_dir=str(part / "hub"))
            found.save_to_disk(str(target))
        except Exception as error:
            shutil.rmtree(target, ignore_errors=True)
            raise self._failed(error) from error
        return target

    def pinned(self, version: Version, sha256: str) -> Address:
        return replace(self.address, sha256="", revision=version.mark)

    def _package(self, name: str) -> Any:
        try:
            import datasets
            import huggingface_hub
        except ImportError as error:
            cause = f"{self.address.url}: reading datasets of the Hugging Face Hub needs the package datasets."
            raise ConfigError(cause, "Install it: pip install 'tfpipelines[hf]'.") from error
        if int(datasets.__version__.partition(".")[0]) < _LEAST:
            cause = f"{self.address.url}: datasets {datasets.__version__} is too old; it may run code of a dataset."
            raise ConfigError(cause, "Install a later one: pip install 'tfpipelines[hf]'.")
        return {"datasets": datasets, "huggingface_hub": huggingface_hub}[name]

    def _failed(self, error: Exception) -> Exception:
        """What is to be told of an error of the hub's packages."""
        kinds, url = {kind.__name__ for kind in type(error).__mro__}, self.address.url
        words = masked(" ".join(str(error).split())).rstrip(".") or type(error).__name__
        if isinstance(error, (DataError, ResourceError)):
            return error
        if "GatedRepoError" in kinds:
            return DataError(f"{url} is gated: {words}.", "Ask for access on its page, then log in: hf auth login.")
        if kinds & {*_GONE}:
            remedy = "Check name and revision; for a private one log in: hf auth login."
            return DataError(f"{url} does not exist, or is private.", remedy)
        if "Config name is missing" in words or "BuilderConfig" in words:
            return DataError(f"{url}: {words}.", f"Name the configuration: {url}/CONFIG.")
        if "scripts are no longer supported" in words or "trust_remote_code" in words:
            cause = f"{url} is loaded by code of its own, which is not run."
            return DataError(cause, "Take a revision without code, such as @refs%2Fconvert%2Fparquet.")
        if isinstance(error, OSError) and error.errno and "ConnectionError" not in kinds:
            return error
        if kinds & {"HfHubHTTPError", "OfflineModeIsEnabled", "ConnectionError", "TransportError", "TimeoutError"}:
            return UnreachableError(f"{url} cannot be reached: {words}.", "Check the connection, then try again.")
        return DataError(
            f"{url} cannot be loaded: {type(error).__name__}: {words}.", "Check it by datasets.load_dataset."
        )

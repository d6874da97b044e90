"""Images in a .tar file, in a folder for each class."""

import tarfile

from tfpipelines.datasets.sample_table import make_frame
from tfpipelines.datasets.source.base import SampleTable, Source


class Tar(Source):
    kinds = ("images",)
    endings = (".tar",)

    def read(self, request):
        with tarfile.open(self.path) as archive:
            names = sorted(member.name for member in archive if member.isfile())
        return SampleTable(make_frame(names, [name.rpartition("/")[0] or None for name in names]), self)

    def open(self, item):
        with tarfile.open(self.path) as archive:
            return archive.extractfile(item).read()

"""The packages, found by a rule: all below tfpipelines, and the two that lie beside it. All else is in setup.cfg."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["tfpipelines*"]), "tfpipelines.pipelines", "tfpipelines.samples"])

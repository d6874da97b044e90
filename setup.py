"""The packages, found by a rule: all below tfpipelines, and the two that lie beside it; and what is compiled. All else
is in setup.cfg.
"""

from setuptools import Extension, find_packages, setup

setup(
    packages=[*find_packages(include=["tfpipelines*"]), "tfpipelines.pipelines", "tfpipelines.samples"],
    ext_modules=[
        Extension(
            "tfpipelines.datasets._stretch",
            ["tfpipelines/datasets/_stretch.c"],
            extra_compile_args=["-O3", "-ffp-contract=off"],  # fused multiply-adds would give other bits
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            py_limited_api=True,
            optional=True,  # without a compiler TensorFlow gives the same bits, see datasets/fast_images.py
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

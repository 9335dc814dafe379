"""The one thing that pyproject.toml cannot say: the compiled parts are optional.

Without a C compiler the project installs all the same, and their twins in Python run
instead.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(path.replace("/", "."), [f"{path}.pyx"], optional=True)
        for path in (
            *(
                f"collectors/wire/_{part}"
                for part in (
                    "kernel",
                    "points",
                    "columns",
                    "records",
                    "requests",
                    "series",
                    "histograms",
                    "histogram_reading",
                    "histogram_sums",
                    "histogram_writing",
                )
            ),
            "collectors/sampling/_index",
        )
    ]
)

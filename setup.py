"""The one thing that pyproject.toml cannot say: the compiled parts are optional.

Without a C compiler the project installs all the same, and their twins in Python run
instead.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(path.replace("/", "."), [f"{path}.pyx"], optional=True)
        for path in (
            "collectors/wire/_kernel",
            "collectors/wire/_points",
            "collectors/sampling/_index",
        )
    ]
)

"""The one thing that pyproject.toml cannot say: the compiled scanner is optional.

Without a C compiler the project installs all the same, and the scanner's twin in Python
runs instead.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension("collectors.wire._kernel", ["collectors/wire/_kernel.pyx"], optional=True)
    ]
)

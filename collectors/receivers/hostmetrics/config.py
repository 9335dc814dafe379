"""Configuration of `hostmetrics`: a scraper is on when its key is there."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collectors.component import Config
from collectors.net.fields import SECOND, Nanoseconds
from collectors.patterns import pattern

Match = Literal["strict", "regexp"]


class _Matching(Config):
    match_type: Match = "strict"

    @model_validator(mode="after")
    def _are_patterns(self) -> Self:
        if self.match_type == "regexp":
            for name in type(self).model_fields:
                value: object = getattr(self, name)
                for text in value if isinstance(value, tuple) else ():
                    pattern(str(text))
        return self

    def _fits(self, patterns: tuple[str, ...], value: str) -> bool:
        if self.match_type == "strict":
            return value in patterns
        return any(pattern(text).search(value) is not None for text in patterns)


class DevicesConfig(_Matching):
    """Which devices."""

    devices: tuple[str, ...]

    def fits(self, device: str) -> bool:
        """Whether `device` is one of them."""
        return self._fits(self.devices, device)


class InterfacesConfig(_Matching):
    """Which network interfaces."""

    interfaces: tuple[str, ...]

    def fits(self, interface: str) -> bool:
        """Whether `interface` is one of them."""
        return self._fits(self.interfaces, interface)


class NamesConfig(_Matching):
    """Which processes, by the name of their executable."""

    names: tuple[str, ...]

    def fits(self, name: str) -> bool:
        """Whether `name` is one of them."""
        return self._fits(self.names, name)


class FsTypesConfig(_Matching):
    """Which file systems, by their type."""

    fs_types: tuple[str, ...]

    def fits(self, fs_type: str) -> bool:
        """Whether `fs_type` is one of them."""
        return self._fits(self.fs_types, fs_type)


class PlainConfig(Config):
    """A scraper without settings."""


class LoadConfig(Config):
    """`load`.

    Attributes:
        cpu_average: Divide by the number of processors.
    """

    cpu_average: bool = False


class DiskConfig(Config):
    """`disk`."""

    include: DevicesConfig | None = None
    exclude: DevicesConfig | None = None


class NetworkConfig(Config):
    """`network`."""

    include: InterfacesConfig | None = None
    exclude: InterfacesConfig | None = None


class FilesystemConfig(Config):
    """`filesystem`.

    Attributes:
        include_virtual_filesystems: Also those that are on no device, such as tmpfs.
    """

    include_virtual_filesystems: bool = False
    include_fs_types: FsTypesConfig | None = None
    exclude_fs_types: FsTypesConfig | None = None


class ProcessConfig(Config):
    """`process`: each process that matches, as a resource of its own."""

    include: NamesConfig | None = None
    exclude: NamesConfig | None = None


class ScrapersConfig(Config):
    """`scrapers`: at least one."""

    cpu: PlainConfig | None = None
    memory: PlainConfig | None = None
    load: LoadConfig | None = None
    disk: DiskConfig | None = None
    filesystem: FilesystemConfig | None = None
    network: NetworkConfig | None = None
    paging: PlainConfig | None = None
    processes: PlainConfig | None = None
    process: ProcessConfig | None = None

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            msg = f"must hold at least one of {', '.join(type(self).model_fields)}"
            raise ValueError(msg)
        return self


class HostMetricsConfig(Config):
    """Configuration of `hostmetrics`."""

    collection_interval: Annotated[Nanoseconds, Field(gt=0)] = 60 * SECOND
    initial_delay: Nanoseconds = SECOND
    scrapers: ScrapersConfig

"""Prometheus and Alertmanager, each on a free port of loopback with data in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slo.servers.find import require
from slo.servers.process import Server, free_port


def prometheus(
    folder: Path, config: Path, *, port: int | None = None, extra: Sequence[str] = ()
) -> Server:
    """Start Prometheus on `config`; it answers queries when this returns.

    Args:
        folder: For its log and, below ``prometheus-data``, its blocks: blocks put there
            beforehand (`promtool tsdb create-blocks-from`) are served.
        config: Its configuration file.
        port: The port to listen on; a free one when None.
        extra: Further flags.

    Raises:
        MissingToolError: Prometheus is not to be had.
        ServerError: It did not come up.
    """
    chosen = free_port() if port is None else port
    url = f"http://127.0.0.1:{chosen}"
    command: list[str | Path] = [
        require("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        "--storage.tsdb.retention.time=400d",
        f"--web.listen-address=127.0.0.1:{chosen}",
        f"--web.external-url={url}",
        "--web.enable-lifecycle",
        "--log.level=warn",
        *extra,
    ]
    return Server.start("prometheus", command, url=url, ready="/-/ready", folder=folder)


def alertmanager(
    folder: Path, config: Path, *, port: int | None = None, extra: Sequence[str] = ()
) -> Server:
    """Start Alertmanager on `config`, alone, without clustering.

    Raises:
        MissingToolError: Alertmanager is not to be had.
        ServerError: It did not come up.
    """
    chosen = free_port() if port is None else port
    url = f"http://127.0.0.1:{chosen}"
    program = require("alertmanager")
    _link_assets(program, folder)
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{chosen}",
        f"--web.external-url={url}",
        "--cluster.listen-address=",
        "--log.level=warn",
        *extra,
    ]
    return Server.start("alertmanager", command, url=url, ready="/-/ready", folder=folder)


def _link_assets(program: Path, folder: Path) -> None:
    """Put Debian's own templates where an unpacked Alertmanager looks for them, see .ci/servers."""
    assets = program.resolve().parents[1] / "share" / "prometheus" / "alertmanager"
    link = folder / "alertmanager-assets"
    if assets.is_dir() and not link.is_symlink():
        link.symlink_to(assets)

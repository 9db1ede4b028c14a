"""Files on this machine, and files at addresses such as `gs://bucket/run`, which TensorFlow reads and writes."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import io
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, TypeAlias

from compiler.errors import CompileError
from compiler.outlet import quiet

BETWEEN = "://"  # the text between the scheme and the rest of an address


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder at an address, with the methods of `pathlib.Path` that this project uses.

    TensorFlow is imported at the first access. Errors are OSErrors, as for files on this machine.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.address}/{name}")

    @property
    def scheme(self) -> str:
        """The kind of storage at the beginning of the address, such as gs, s3 or hdfs."""
        return self.address.partition(BETWEEN)[0]

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(self.address).name

    @property
    def stem(self) -> str:
        """The last part of the address, without its ending, such as `57` for `gs://bucket/57.npz`."""
        return PurePosixPath(self.address).stem

    @property
    def suffix(self) -> str:
        """The ending of the address, such as `.npz`."""
        return PurePosixPath(self.address).suffix

    @property
    def parent(self) -> Remote:
        """The folder that contains this file or folder."""
        return Remote(self.address.rpartition("/")[0])

    def with_name(self, name: str) -> Remote:
        """Returns the file of another name in the same folder."""
        return self.parent / name

    def exists(self) -> bool:
        """Returns whether there is a file or a folder at this address."""
        with _as_os_errors(self) as gfile:
            return bool(gfile.exists(self.address))

    def is_dir(self) -> bool:
        """Returns whether there is a folder at this address. Object stores have folders that contain an object."""
        try:
            with _as_os_errors(self) as gfile:
                return bool(gfile.stat(self.address).is_directory)
        except FileNotFoundError:
            return False

    def is_file(self) -> bool:
        """Returns whether there is a file at this address."""
        return self.exists() and not self.is_dir()

    def glob(self, pattern: str) -> Iterator[Remote]:
        """Yields the entries of the folder whose names match a pattern, in any order; none for a missing folder."""
        try:
            with _as_os_errors(self) as gfile:
                names = [name.rstrip("/") for name in gfile.listdir(self.address)]
        except FileNotFoundError:
            return
        yield from (self / name for name in fnmatch.filter(names, pattern))

    def read_bytes(self) -> bytes:
        """Returns the contents of the file."""
        with _as_os_errors(self) as gfile, gfile.GFile(self.address, "rb") as file:
            return bytes(file.read())

    def write_bytes(self, content: bytes) -> None:
        """Creates or replaces the file."""
        with _as_os_errors(self) as gfile, gfile.GFile(self.address, "wb") as file:
            file.write(content)

    def replace(self, target: Remote) -> None:
        """Moves this file to another path. A file at the other path is replaced."""
        with _as_os_errors(self) as gfile:
            gfile.rename(self.address, target.address, overwrite=True)

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        try:
            with _as_os_errors(self) as gfile:
                gfile.remove(self.address)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        """Creates the folder and all missing folders above it."""
        with _as_os_errors(self) as gfile:
            gfile.makedirs(self.address)


Place: TypeAlias = Path | Remote


def place(text: str) -> Place:
    """Returns the file or folder that a user names by its path or address.

    Raises:
      CompileError: the text begins like an address and is not a complete address.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9]+:/", text):
        return Path(text)
    scheme, between, rest = text.partition(BETWEEN)
    if not between or not rest.strip("/"):
        raise CompileError(f"{text!r} is not an address; write {scheme.partition(':')[0]}{BETWEEN}bucket/folder")
    return Remote(text.rstrip("/"))


class Writable(Protocol):
    """A file that is written from its start to its end."""

    def write(self, content: bytes, /) -> object:
        """Appends bytes."""
        ...

    def flush(self) -> None:
        """Passes the written bytes to the operating system, which keeps them if the process is ended."""
        ...

    def close(self) -> None:
        """Completes and closes the file."""
        ...


def create(path: Place) -> Writable:
    """Creates a file and opens it for writing. Flushed contents are kept if the process is ended."""
    return path.open("xb") if isinstance(path, Path) else _Sent(path)


class _Sent:
    """A file at an address, open for writing. The methods raise an OSError on failure."""

    def __init__(self, path: Remote) -> None:
        self._path = path
        with _as_os_errors(path) as gfile:
            self._file = gfile.GFile(path.address, "wb")

    def write(self, content: bytes) -> None:
        with _as_os_errors(self._path):
            self._file.write(content)

    def flush(self) -> None:
        with _as_os_errors(self._path):
            self._file.flush()

    def close(self) -> None:
        with _as_os_errors(self._path):
            self._file.close()


@contextmanager
def writing(path: Place) -> Iterator[IO[bytes]]:
    """A context with a new file to write. The complete file replaces the old file at the end of the context.

    Missing folders are created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A random name does not replace a file of the user.
    new = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        if isinstance(new, Remote):
            content = io.BytesIO()
            yield content
            new.write_bytes(content.getvalue())
        else:
            with new.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)  # type: ignore[arg-type]
    except BaseException:
        with contextlib.suppress(OSError):  # The first error is reported.
            new.unlink(missing_ok=True)  # An incomplete file may fill the disk.
        raise


def write(path: Place, content: bytes) -> None:
    """Writes a file atomically. An interrupted write leaves the old file as it was."""
    with writing(path) as file:
        file.write(content)


def remove_folder(folder: Place) -> None:
    """Removes a folder with its contents."""
    if isinstance(folder, Path):
        shutil.rmtree(folder)
    else:
        with _as_os_errors(folder) as gfile:
            gfile.rmtree(folder.address)


@contextmanager
def _as_os_errors(path: Remote) -> Iterator[Any]:
    """A context with TensorFlow's functions for files. Errors in the context become OSErrors that name the address."""
    tf = _tensorflow()
    try:
        yield tf.io.gfile
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(2, _first_line(error), path.address) from error
    except tf.errors.UnimplementedError as error:
        known = ", ".join(sorted({*tf.io.gfile.get_registered_schemes()} - {"", "ram"}))
        reason = f"this TensorFlow knows no {path.scheme}{BETWEEN}, only {known}; tensorflow-io may add it"
        raise OSError(95, reason, path.address) from error
    except tf.errors.OpError as error:
        raise OSError(5, _first_line(error), path.address) from error


@functools.cache
def _tensorflow() -> Any:
    with quiet():  # TensorFlow prints facts about the machine that no setting silences.
        import tensorflow
    return tensorflow


def _first_line(error: Any) -> str:
    return str(error.message).partition("\n")[0]

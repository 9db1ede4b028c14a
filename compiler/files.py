"""Where files lie: on this machine, or at an address such as `gs://bucket/run` that TensorFlow reads and writes."""

from __future__ import annotations

import functools
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias

from compiler.quiet import quiet

BETWEEN = "://"  # a scheme and the rest of an address


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder at an address, with what is used here of `pathlib.Path`.

    TensorFlow is imported when the first is touched. What goes wrong is an OSError, as on this machine.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.address}/{name}")

    @property
    def scheme(self) -> str:
        """The kind of storage: gs, s3, hdfs."""
        return self.address.partition(BETWEEN)[0]

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.address).name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return PurePosixPath(self.address).stem

    @property
    def suffix(self) -> str:
        """The ending of the last part."""
        return PurePosixPath(self.address).suffix

    @property
    def parent(self) -> Remote:
        """The folder that it lies in."""
        return Remote(self.address.rpartition("/")[0])

    def with_name(self, name: str) -> Remote:
        """Another one beside it."""
        return self.parent / name

    def exists(self) -> bool:
        """Whether there is something."""
        with _plainly(self) as gfile:
            return bool(gfile.exists(self.address))

    def is_dir(self) -> bool:
        """Whether it is a folder; storage of objects has one as soon as something lies in it."""
        with _plainly(self) as gfile:
            return bool(gfile.isdir(self.address))

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.exists() and not self.is_dir()

    def glob(self, pattern: str) -> Iterator[Remote]:
        """What matches a pattern inside of a folder, in no order."""
        with _plainly(self) as gfile:
            yield from map(Remote, gfile.glob(f"{self.address}/{pattern}") if gfile.isdir(self.address) else ())

    def open(self, mode: str) -> IO[bytes]:
        """An open file of bytes, as TensorFlow has it."""
        with _plainly(self) as gfile:
            file: IO[bytes] = gfile.GFile(self.address, mode)
            return file

    def read_bytes(self) -> bytes:
        """What the file holds."""
        with _plainly(self) as gfile, gfile.GFile(self.address, "rb") as file:
            return bytes(file.read())

    def write_bytes(self, content: bytes) -> None:
        """Makes or replaces the file."""
        with _plainly(self) as gfile, gfile.GFile(self.address, "wb") as file:
            file.write(content)

    def replace(self, target: Remote) -> None:
        """Takes the place of another file."""
        with _plainly(self) as gfile:
            gfile.rename(self.address, target.address, overwrite=True)

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        try:
            with _plainly(self) as gfile:
                gfile.remove(self.address)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        """Makes the folder, and those around it, where they are not there."""
        with _plainly(self) as gfile:
            gfile.makedirs(self.address)


Place: TypeAlias = Path | Remote


def place(text: str) -> Place:
    """The file or folder that a user names by its path or address."""
    return Remote(text.rstrip("/")) if BETWEEN in text else Path(text)


@contextmanager
def writing(path: Place) -> Iterator[IO[bytes]]:
    """A file to write that appears whole or, when the process is killed, leaves the old one; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    if isinstance(new, Remote):
        content = io.BytesIO()
        yield content
        new.write_bytes(content.getvalue())
    else:
        try:
            with new.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            new.unlink(missing_ok=True)  # it may fill the disk
            raise
    new.replace(path)  # type: ignore[arg-type]


def write(path: Place, content: bytes) -> None:
    """Writes a whole file or, when the process is killed, leaves the old one."""
    with writing(path) as file:
        file.write(content)


def remove_folder(folder: Place) -> None:
    """Removes a folder with all that is in it."""
    if isinstance(folder, Path):
        shutil.rmtree(folder)
    else:
        with _plainly(folder) as gfile:
            gfile.rmtree(folder.address)


@contextmanager
def _plainly(path: Remote) -> Iterator[Any]:
    """TensorFlow's file systems, whose errors become OSErrors that name the address."""
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
    with quiet():  # it says of the machine what no setting silences
        import tensorflow
    return tensorflow


def _first_line(error: Any) -> str:
    return str(error.message).partition("\n")[0]

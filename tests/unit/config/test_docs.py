"""The reference of the station file is made from the options, so it cannot tell of other ones."""

import runpy
from pathlib import Path

import pytest

from agent.config.problems import without_sources

ROOT = Path(__file__).parents[3]
PAGES = ("docs/station-file.md", "docs/drivers.md", "docs/sinks.md", "docs/product-list.md")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Return the pages as the options now say."""
    script = runpy.run_path(str(ROOT / ".ci" / "make_station_docs.py"))
    pages: dict[str, str] = script["pages"]()
    return pages


@pytest.mark.parametrize("page", PAGES)
def test_reference_is_what_the_options_say(page: str, made: dict[str, str]) -> None:
    """Every key, default and value of every driver and sink is documented as it is."""
    written = (ROOT / page).read_text(encoding="utf-8")
    assert written == made[page], "run: .venv/bin/python .ci/make_station_docs.py"


def test_every_key_of_the_example_is_explained() -> None:
    """The annotated example leaves out no key of ours: each is written or named in a comment."""
    example = (ROOT / "config" / "station.example.yaml").read_text(encoding="utf-8")
    page = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    common = page[page.index("# Keys") :].split("## `scans[]`")
    tables = common[0] + common[1].split("## `track`", 1)[1]
    keys = {line.split("`")[1] for line in tables.splitlines() if line.startswith("| `")}
    assert sorted(key for key in keys if key not in example) == []


def test_users_see_no_numbers_of_our_rules(made: dict[str, str]) -> None:
    """The numbers of our rules are for who reads the code."""
    assert "(D-" not in "".join(made.values())
    assert without_sources("one, (D-7) and two (D-29 to D-31); three (D-4, D-7)") == (
        "one, and two; three"
    )

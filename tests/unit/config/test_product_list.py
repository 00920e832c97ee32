"""Product lists: what they come down to, and every mistake in them with its line."""

from pathlib import Path

import pytest

from agent.app.planning import start
from agent.config.problems import ConfigError
from agent.config.product_list import read_products
from agent.core.plan import Grain, Rank

LIST = """\
costs: {per_scan: 0.5, per_record: 0.1}
products:
  valve:
    volume: 100
    lot: 50
    value: high
    consequence: safety
    costs: {per_scan: 0.7}
"""


def problems(text: str, tmp_path: Path) -> list[str]:
    """Return what is wrong with a list, without the folder."""
    path = tmp_path / "products.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_products(path)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems]


def test_a_list_comes_down_to_facts(tmp_path: Path) -> None:
    """A product's own costs take the place of the list's, key by key; lines are kept."""
    path = tmp_path / "products.yaml"
    path.write_text(LIST)
    found = read_products(path)
    (valve,) = found.products
    assert (valve.value, valve.consequence, valve.law) == (Rank.HIGH, Rank.SAFETY, None)
    assert (valve.costs.per_scan, valve.costs.per_record) == (0.7, 0.1)
    assert valve.costs.per_recalled_unit is None
    assert found.lines == {"valve": 3}


def test_an_own_law_asks_for_its_level(tmp_path: Path) -> None:
    """A law that is none of the known ones is named, with what it asks for."""
    path = tmp_path / "products.yaml"
    path.write_text(LIST + "    regulation: {name: house rule, level: sub-lot}\n")
    (valve,) = read_products(path).products
    assert valve.law is not None
    assert (valve.law.name, valve.law.least) == ("house rule: sub-lot", Grain.SUBLOT)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    valu: low", "9:5: products.valve.valu: unknown key 'valu'"),
        ("    regulation: medcal", "9:17: products.valve.regulation: no regulation 'medcal'; did"),
        (
            "    scan: typed",
            "9:11: products.valve.scan: must be 'automatic', 'handheld' or 'keyed'",
        ),
        ("    cycle: 12", "9:12: products.valve.cycle: 12 is not a duration; write a number with"),
        ("    faulty_run: 51", "4:5: products.valve: `faulty_run` 51 is more than the `lot` of 50"),
        ("    today: sub-lot", "4:5: products.valve: `today: sub-lot` and `sublot_today` go toge"),
        ("    container: 0", "9:16: products.valve.container: must be greater than 0 (0)"),
    ],
)
def test_each_mistake_is_named_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    """File, line, key, value and what to do, as for a station file."""
    (problem,) = problems(f"{LIST}{line}\n", tmp_path)
    assert problem.startswith(f"products.yaml:{said}")


def test_a_list_without_products_is_refused(tmp_path: Path) -> None:
    """An empty file says how to begin; one without products names what is missing."""
    (empty,) = problems("", tmp_path)
    assert empty.endswith("begin with `products:`; `lineside plan --init` prints a start")
    (none,) = problems("currency: EUR\n", tmp_path)
    assert none.endswith("products: is missing")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_products(tmp_path / "none.yaml")


def test_the_start_is_a_right_list(tmp_path: Path) -> None:
    """What --init prints is accepted as it is."""
    path = tmp_path / "products.yaml"
    path.write_text(start())
    assert [each.name for each in read_products(path).products] == ["my-product"]

"""`lineside collect`: what its command line may not say, in a line each."""

import pytest

from agent.cli import exits, main


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--broker", "http://x"), exits.CONFIG, "url: 'http://x' is no broker"),
        (("--broker", "mqtt://x", "--topic", "a/#/b"), exits.CONFIG, "'#'"),
        (("--broker", "mqtt://x", "--topic", "A/#"), exits.CONFIG, "use a-z, 0-9"),
        (("--broker", "mqtt://x", "--name", "My PC"), exits.CONFIG, "--name 'My PC'"),
        (("--broker", "mqtt://x", "--group", "a/b"), exits.CONFIG, "--group 'a/b'"),
        (("--broker", "mqtt://x", "--store", "odd://x"), exits.REFUSED, "a PostgreSQL URL"),
        ((), exits.USAGE, "--broker"),
    ],
)
def test_what_cannot_be_collected_says_why(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The value is named, and what to do."""
    with pytest.raises(SystemExit) as ended:
        main(("collect", *arguments))
    assert ended.value.code == code
    assert said in capsys.readouterr().err

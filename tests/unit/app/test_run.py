"""What no task could catch."""

import asyncio
import gc
from functools import partial
from pathlib import Path

import pytest

from agent.app.plant import Plant, Way
from agent.app.run import uncaught
from agent.telemetry import Notifier, Teller
from tests.unit.app.test_trouble import Told
from tests.unit.config.stations import FILLER, loaded


async def test_a_bug_in_a_callback_ends_the_process(tmp_path: Path) -> None:
    """The loop would go on without what the callback should have done (STYLE 3.6)."""
    plant = Plant([loaded(FILLER)], Way(directory=tmp_path), Teller())
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(uncaught, plant, Told()))
    loop.call_soon(lambda: 1 // 0)
    with pytest.raises(ExceptionGroup) as group:
        await plant.run(Notifier({}))
    assert [type(error) for error in group.value.exceptions] == [ZeroDivisionError]


async def test_a_librarys_lost_future_is_one_line(tmp_path: Path) -> None:
    """It is told without a traceback, and nothing ends."""
    told = Told()
    plant = Plant([loaded(FILLER)], Way(directory=tmp_path), Teller())
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(uncaught, plant, told))
    loop.create_future().set_exception(OSError("nobody asked"))
    gc.collect()
    assert told.lines == [
        ("stray_error", {"error": "Future exception was never retrieved: OSError: nobody asked"})
    ]

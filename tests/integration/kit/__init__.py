"""What the integration tests stand on: real servers, the program under test, and readers of what it wrote."""
import os
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = os.environ.get("BUILD")
BINARY = Path(os.environ.get("WALBRIDGE") or (ROOT / "out" / BUILD / "walbridge" if BUILD else ROOT / "walbridge"))


def wait_until(condition, what, seconds=20.0, pause=0.05):
    """Polls until condition() is true and returns its value; else an AssertionError that says what was waited for."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(pause)

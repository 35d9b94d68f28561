"""How long the proofs last whose meaning grows with their length: seconds as a rule, minutes in `make endurance`."""

import os

IS_LONG = bool(os.environ.get("ENDURANCE"))


def seconds(short: float, long: float) -> float:
    return long if IS_LONG else short

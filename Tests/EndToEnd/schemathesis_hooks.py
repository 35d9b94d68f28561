"""What the generator of requests cannot know from the description."""

import itertools

import schemathesis

keys = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """A good Idempotency-Key names one request; the generator would give the same one to many, which is refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 1 <= len(key) <= 255 and key.isascii() and key.isprintable():
        case.headers["Idempotency-Key"] = f"key-{next(keys)}"

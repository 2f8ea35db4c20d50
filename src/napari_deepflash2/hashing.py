"""A hash of values that a result depends on, to tell whether it is still of use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def hash_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of values that JSON can hold, whatever their order, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

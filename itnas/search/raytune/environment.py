"""What Ray reads from the environment, some of it when it is imported: to be set before that."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# What the user has set stays.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "3600",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}


def prepare() -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _allow_token()


def _allow_token() -> None:
    """A cluster may want the token that lies in the home folder; a client offers it only when told to. Once Ray
    has been imported, it has read its mode: another one in the environment would set it at odds with itself."""
    if "RAY_AUTH_MODE" in os.environ or "ray" in sys.modules:
        return
    there = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    if there or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ["RAY_AUTH_MODE"] = "token"

"""Which tests go to one process, where several run side by side."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# Folders with a quarter of a minute of setting up that their files share: a sweep, or a browser and what it compiled.
TOGETHER = (("tests/cli/", "tests/cli_search/"), ("tests/export/",), ("tests/dashboard/test_browser_",))


class BySetUp(LoadFileScheduling):
    """By file, but where files share more."""

    def _split_scope(self, nodeid: str) -> str:
        return next((each[0] for each in TOGETHER if nodeid.startswith(each)), super()._split_scope(nodeid))

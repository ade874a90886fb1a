"""The executor on Ray Tune: a local Ray of its own, or a cluster that it joins."""

from itnas.search.raytune.environment import prepare

prepare()

from itnas.search.raytune.run import run_on_ray  # noqa: E402

__all__ = ["run_on_ray"]

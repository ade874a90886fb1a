"""The executor on Ray Tune: a local Ray of its own, or a cluster that it joins."""

from itnas.search.raytune.run import run_on_ray

__all__ = ["run_on_ray"]

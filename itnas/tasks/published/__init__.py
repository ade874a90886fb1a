"""Tasks of the published data sets: `imagenet-1k`, `glue/<name>`, `modelnet40`, `vqa-v2`, `nlvr2`."""

from itnas.tasks.published.glue import Glue
from itnas.tasks.published.imagenet import ImageNet
from itnas.tasks.published.modelnet import ModelNet40
from itnas.tasks.published.nlvr2 import Nlvr2
from itnas.tasks.published.vqa import VqaV2

__all__ = ["Glue", "ImageNet", "ModelNet40", "Nlvr2", "VqaV2"]

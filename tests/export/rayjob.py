"""The part of KubeRay's RayJob and of Kubernetes' pods that jobs use, as JSON schemas.

Fields and types are those of the API references of `ray.io/v1` and of `v1`; what they do not name is refused.
"""

from typing import Any


def record(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
COUNT = {"type": "integer", "minimum": 0}
# A name after RFC 1035, as KubeRay wants it, and no longer than what it takes for a RayJob.
NAME = {"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 47}
METADATA = record(["name"], name=NAME)
QUANTITIES = {
    "type": "object",
    "additionalProperties": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi)?$"},
}
RESOURCES = record([], requests=QUANTITIES, limits=QUANTITIES)
MOUNT = record(
    ["name", "mountPath"], name=TEXT, mountPath={"type": "string", "pattern": "^/"}, readOnly={"type": "boolean"}
)
VOLUME = record(
    ["name"],
    name=TEXT,
    configMap=record(["name"], name=NAME),
    persistentVolumeClaim=record(["claimName"], claimName=NAME),
)
CONTAINER = record(
    ["name", "image"], name=TEXT, image=TEXT, resources=RESOURCES, volumeMounts={"type": "array", "items": MOUNT}
)
POD = record(
    ["containers"],
    securityContext=record([], fsGroup=COUNT),
    containers={"type": "array", "items": CONTAINER, "minItems": 1},
    volumes={"type": "array", "items": VOLUME},
)
HEAD = record(["template"], rayStartParams=TEXTS, template=record(["spec"], spec=POD))
CLUSTER = record(["headGroupSpec"], rayVersion=TEXT, headGroupSpec=HEAD)
JOB = record(
    ["entrypoint", "rayClusterSpec"],
    entrypoint=TEXT,
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    runtimeEnvYAML=TEXT,
    backoffLimit=COUNT,
    shutdownAfterJobFinishes={"type": "boolean"},
    ttlSecondsAfterFinished=COUNT,
    rayClusterSpec=CLUSTER,
)


def resource(version: str, kind: str, **content: Any) -> dict[str, Any]:
    head = {"apiVersion": {"const": version}, "kind": {"const": kind}, "metadata": METADATA}
    return record([*head, *content], **head, **content)


MODES = {"type": "array", "items": {"enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]}}
KEYS = {"type": "object", "propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$"}, "additionalProperties": TEXT}
SCHEMAS = {
    "ConfigMap": resource("v1", "ConfigMap", data=KEYS),
    "PersistentVolumeClaim": resource(
        "v1", "PersistentVolumeClaim", spec=record(["accessModes", "resources"], accessModes=MODES, resources=RESOURCES)
    ),
    "RayJob": resource("ray.io/v1", "RayJob", spec=JOB),
}

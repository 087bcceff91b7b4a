"""What the analyzer knows about Kubernetes' resources: kinds, groups, scope."""

from dataclasses import dataclass

CORE, APPS, BATCH = "", "apps", "batch"


@dataclass(frozen=True, slots=True)
class Workload:
    """A resource that carries a pod spec.

    Shape: `template` is the path of the object that holds `spec` and, beside it, the
    `metadata` of the pods; empty for a Pod, which is that object itself.
    """

    kind: str
    group: str
    template: tuple[str, ...] = ("spec", "template")


WORKLOADS = {
    "pods": Workload("Pod", CORE, ()),
    "deployments": Workload("Deployment", APPS),
    "daemonsets": Workload("DaemonSet", APPS),
    "statefulsets": Workload("StatefulSet", APPS),
    "replicasets": Workload("ReplicaSet", APPS),
    "replicationcontrollers": Workload("ReplicationController", CORE),
    "jobs": Workload("Job", BATCH),
    "cronjobs": Workload("CronJob", BATCH, ("spec", "jobTemplate", "spec", "template")),
    "podtemplates": Workload("PodTemplate", CORE, ("template",)),
}
"""The nine kinds, by resource."""

WORKLOAD_OWNERS = frozenset((w.group, w.kind) for w in WORKLOADS.values())
"""API group and kind of what can own a pod and is evaluated itself."""

CLUSTER_SCOPED = frozenset(
    {
        "apiservices",
        "certificatesigningrequests",
        "clusterrolebindings",
        "clusterroles",
        "componentstatuses",
        "csidrivers",
        "csinodes",
        "customresourcedefinitions",
        "flowschemas",
        "ingressclasses",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "namespaces",
        "nodes",
        "persistentvolumes",
        "priorityclasses",
        "prioritylevelconfigurations",
        "runtimeclasses",
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
        "selfsubjectrulesreviews",
        "storageclasses",
        "subjectaccessreviews",
        "tokenreviews",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
        "volumeattachments",
        "volumeattributesclasses",
    }
)
"""Built-in resources outside any namespace (a namespace refers to itself as its own)."""

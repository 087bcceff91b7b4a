"""What the API server serves, and how much of it EKS writes to the audit log.

`lint` asks here whether a resource exists, which verbs it has, and whether its body is ever
recorded. Resources of extensions cannot all be known, so an unknown one is a warning there.

Source: the discovery documents of Kubernetes (api/discovery), from version 1.25 on; the audit
policy that Amazon EKS publishes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ekswatch.audit.resources import CLUSTER_SCOPED

READS = frozenset({"get", "list", "watch"})
WRITES = frozenset({"create", "update", "patch"})
DELETES = frozenset({"delete", "deletecollection"})
ALL = READS | WRITES | DELETES
STATUS = frozenset({"get", "update", "patch"})
CREATE = frozenset({"create"})
CONNECT = frozenset({"create", "get"})
PROXY = frozenset({"create", "delete", "get", "patch", "update"})

VERB_CLASSES = {"read": READS, "write": WRITES, "delete": DELETES}
"""The verbs of each value of `verb.class`."""

RESOURCES: Mapping[str, Mapping[str, str]] = {
    "": {
        "bindings": "",
        "componentstatuses": "",
        "configmaps": "",
        "endpoints": "",
        "events": "",
        "limitranges": "",
        "namespaces": "finalize status",
        "nodes": "proxy status",
        "persistentvolumeclaims": "status",
        "persistentvolumes": "status",
        "pods": "attach binding checkpoint ephemeralcontainers eviction exec log portforward "
        "proxy resize status",
        "podtemplates": "",
        "replicationcontrollers": "scale status",
        "resourcequotas": "status",
        "secrets": "",
        "serviceaccounts": "token",
        "services": "proxy status",
    },
    "admissionregistration.k8s.io": {
        "mutatingadmissionpolicies": "",
        "mutatingadmissionpolicybindings": "",
        "mutatingwebhookconfigurations": "",
        "validatingadmissionpolicies": "status",
        "validatingadmissionpolicybindings": "",
        "validatingwebhookconfigurations": "",
    },
    "apiextensions.k8s.io": {"customresourcedefinitions": "status"},
    "apiregistration.k8s.io": {"apiservices": "status"},
    "apps": {
        "controllerrevisions": "",
        "daemonsets": "status",
        "deployments": "scale status",
        "replicasets": "scale status",
        "statefulsets": "scale status",
    },
    "authentication.k8s.io": {"selfsubjectreviews": "", "tokenreviews": ""},
    "authorization.k8s.io": {
        "localsubjectaccessreviews": "",
        "selfsubjectaccessreviews": "",
        "selfsubjectrulesreviews": "",
        "subjectaccessreviews": "",
    },
    "autoscaling": {"horizontalpodautoscalers": "status"},
    "batch": {"cronjobs": "status", "jobs": "status"},
    "certificates.k8s.io": {
        "certificatesigningrequests": "approval status",
        "clustertrustbundles": "",
        "podcertificaterequests": "status",
    },
    "coordination.k8s.io": {"leasecandidates": "", "leases": ""},
    "discovery.k8s.io": {"endpointslices": ""},
    "events.k8s.io": {"events": ""},
    "flowcontrol.apiserver.k8s.io": {
        "flowschemas": "status",
        "prioritylevelconfigurations": "status",
    },
    "internal.apiserver.k8s.io": {"storageversions": "status"},
    "metrics.k8s.io": {"nodes": "", "pods": ""},
    "networking.k8s.io": {
        "ingressclasses": "",
        "ingresses": "status",
        "ipaddresses": "",
        "networkpolicies": "",
        "servicecidrs": "status",
    },
    "node.k8s.io": {"runtimeclasses": ""},
    "policy": {"poddisruptionbudgets": "status", "podsecuritypolicies": ""},
    "rbac.authorization.k8s.io": {
        "clusterrolebindings": "",
        "clusterroles": "",
        "rolebindings": "",
        "roles": "",
    },
    "resource.k8s.io": {
        "deviceclasses": "",
        "devicetaintrules": "status",
        "resourceclaims": "status",
        "resourceclaimtemplates": "",
        "resourceslices": "",
    },
    "scheduling.k8s.io": {
        "compositepodgroups": "status",
        "podgroups": "status",
        "priorityclasses": "",
        "workloads": "",
    },
    "storage.k8s.io": {
        "csidrivers": "",
        "csinodes": "",
        "csistoragecapacities": "",
        "storageclasses": "",
        "volumeattachments": "status",
        "volumeattributesclasses": "",
    },
    "storagemigration.k8s.io": {"storageversionmigrations": "status"},
}
"""Built-in resources by API group, each with its subresources; the core group has no name."""

EXTENSIONS: Mapping[str, str] = {
    "acme.cert-manager.io": "challenges orders",
    "argoproj.io": "analysisruns analysistemplates applications applicationsets appprojects "
    "clusterworkflowtemplates cronworkflows eventsources rollouts sensors workflows "
    "workflowtemplates",
    "aquasecurity.github.io": "configauditreports exposedsecretreports vulnerabilityreports",
    "bitnami.com": "sealedsecrets",
    "cert-manager.io": "certificaterequests certificates clusterissuers issuers",
    "cilium.io": "ciliumclusterwidenetworkpolicies ciliumendpoints ciliumidentities "
    "ciliumnetworkpolicies ciliumnodes tracingpolicies",
    "constraints.gatekeeper.sh": "",
    "crd.k8s.amazonaws.com": "eniconfigs",
    "crd.projectcalico.org": "globalnetworkpolicies networkpolicies stagedglobalnetworkpolicies "
    "stagednetworkpolicies tiers",
    "config.gatekeeper.sh": "configs",
    "eks.amazonaws.com": "ingressclassparams nodeclasses nodediagnostics targetgroupbindings",
    "elbv2.k8s.aws": "ingressclassparams targetgroupbindings",
    "expansion.gatekeeper.sh": "expansiontemplate",
    "external-secrets.io": "clusterexternalsecrets clusterpushsecrets clustersecretstores "
    "externalsecrets pushsecrets secretstores",
    "gateway.networking.k8s.io": "gatewayclasses gateways grpcroutes httproutes "
    "referencegrants tcproutes tlsroutes udproutes",
    "generators.external-secrets.io": "clustergenerators ecrauthorizationtokens "
    "githubaccesstokens stssessiontokens vaultdynamicsecrets",
    "helm.toolkit.fluxcd.io": "helmreleases",
    "image.toolkit.fluxcd.io": "imagepolicies imagerepositories imageupdateautomations",
    "karpenter.k8s.aws": "awsnodetemplates ec2nodeclasses",
    "karpenter.sh": "machines nodeclaims nodeoverlays nodepools provisioners",
    "keda.sh": "clustertriggerauthentications scaledjobs scaledobjects triggerauthentications",
    "kustomize.toolkit.fluxcd.io": "kustomizations",
    "kyverno.io": "cleanuppolicies clustercleanuppolicies clusterpolicies policies "
    "policyexceptions",
    "monitoring.coreos.com": "alertmanagers podmonitors probes prometheuses prometheusrules "
    "servicemonitors",
    "mutations.gatekeeper.sh": "assign assignimage assignmetadata modifyset",
    "networking.istio.io": "destinationrules envoyfilters gateways serviceentries sidecars "
    "virtualservices",
    "networking.k8s.aws": "applicationnetworkpolicies clusternetworkpolicies "
    "clusterpolicyendpoints policyendpoints",
    "policies.kyverno.io": "deletingpolicies generatingpolicies imagevalidatingpolicies "
    "mutatingpolicies policyexceptions validatingpolicies",
    "policies.kubewarden.io": "admissionpolicies admissionpolicygroups clusteradmissionpolicies "
    "clusteradmissionpolicygroups policyservers",
    "policy.networking.k8s.io": "adminnetworkpolicies baselineadminnetworkpolicies",
    "policy.sigstore.dev": "clusterimagepolicies trustroots",
    "projectcalico.org": "globalnetworkpolicies networkpolicies stagedglobalnetworkpolicies "
    "stagednetworkpolicies tiers",
    "secrets-store.csi.x-k8s.io": "secretproviderclasses secretproviderclasspodstatuses",
    "security.istio.io": "authorizationpolicies peerauthentications requestauthentications",
    "snapshot.storage.k8s.io": "volumesnapshotclasses volumesnapshotcontents volumesnapshots",
    "source.toolkit.fluxcd.io": "buckets gitrepositories helmcharts helmrepositories "
    "ocirepositories",
    "status.gatekeeper.sh": "",
    "templates.gatekeeper.sh": "constrainttemplates",
    "vpcresources.k8s.aws": "cninodes securitygrouppolicies",
}
"""Resources of extensions that are common on EKS, by API group."""

OF_EXTENSIONS = ("scale", "status")
"""The subresources that a resource of an extension may have."""

VERBS: Mapping[str, frozenset[str]] = {
    "bindings": CREATE,
    "componentstatuses": frozenset({"get", "list"}),
    "localsubjectaccessreviews": CREATE,
    "namespaces": ALL - {"deletecollection"},
    "namespaces/finalize": frozenset({"update"}),
    "nodes/proxy": PROXY,
    "pods/attach": CONNECT,
    "pods/binding": CREATE,
    "pods/checkpoint": CREATE,
    "pods/eviction": CREATE,
    "pods/exec": CONNECT,
    "pods/log": frozenset({"get"}),
    "pods/portforward": CONNECT,
    "pods/proxy": PROXY,
    "selfsubjectaccessreviews": CREATE,
    "selfsubjectreviews": CREATE,
    "selfsubjectrulesreviews": CREATE,
    "serviceaccounts/token": CREATE,
    "services/proxy": PROXY,
    "subjectaccessreviews": CREATE,
    "tokenreviews": CREATE,
}
"""Verbs of the resources and subresources that do not have the usual ones."""

BODY_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "extensions",
        "metrics.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "settings.k8s.io",
        "storage.k8s.io",
    }
)
"""The API groups whose requests EKS records with bodies; of all others it records none."""

WITHOUT_BODY = frozenset({"secrets", "configmaps", "tokenreviews"})
"""Resources of those groups that EKS records without bodies all the same."""

AWS_AUTH = "aws-auth"
"""The config map whose updates, patches and deletes EKS does record with bodies."""

UNLOGGED_PATHS = ("/healthz", "/swagger")
"""Paths, with all that starts so, of which EKS logs no request; nor does it of `/version`."""

Side = Literal["request", "response"]


@dataclass(frozen=True, slots=True)
class Target:
    """A resource as a rule may name it: `group` is None where any will do."""

    resource: str
    subresource: str = ""
    group: str | None = None

    @property
    def path(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def names() -> frozenset[str]:
    """Every known resource, without subresources."""
    built_in = {name for group in RESOURCES.values() for name in group}
    return frozenset(built_in | {name for group in EXTENSIONS.values() for name in group.split()})


def paths() -> frozenset[str]:
    """Every known resource, and every one with a subresource, as in `pods/exec`."""
    found = {
        f"{name}/{sub}"
        for group in RESOURCES.values()
        for name, subresources in group.items()
        for sub in subresources.split()
    }
    extended = {name for group in EXTENSIONS.values() for name in group.split()}
    return names() | found | {f"{name}/{sub}" for name in extended for sub in OF_EXTENSIONS}


def subresources() -> frozenset[str]:
    return frozenset(path.partition("/")[2] for path in paths() if "/" in path)


def groups() -> frozenset[str]:
    """Every known API group."""
    return frozenset({*RESOURCES, *EXTENSIONS, *BODY_GROUPS})


def groups_of(resource: str) -> frozenset[str]:
    """The known API groups that have a resource."""
    built_in = {group for group, members in RESOURCES.items() if resource in members}
    return frozenset(
        built_in | {g for g, names_ in EXTENSIONS.items() if resource in names_.split()}
    )


def is_built_in(resource: str) -> bool:
    """Whether all groups known to have a resource are Kubernetes' own."""
    found = groups_of(resource)
    return bool(found) and found <= set(RESOURCES)


def verbs_of(path: str) -> frozenset[str]:
    """The verbs that a built-in resource or subresource has; all for one of an extension."""
    known = VERBS.get(path)
    if known is not None:
        return known
    resource, _, subresource = path.partition("/")
    if not is_built_in(resource) or not subresource:
        return ALL
    return STATUS


def is_cluster_scoped(resource: str) -> bool:
    """Whether a resource is outside any namespace; a namespace refers to itself as its own."""
    return resource in CLUSTER_SCOPED and resource != "namespaces"


def is_logged(target: Target) -> bool:
    """Whether EKS logs requests for a resource at all."""
    return (target.resource, target.group) != ("events", "")


def records_body(target: Target, side: Side, verb: str, name: str | None = None) -> bool:
    """Whether EKS may record a body of a request; `name` is the object's, None for any."""
    resource = target.resource
    candidates = {target.group} if target.group is not None else groups_of(resource)
    if candidates and not candidates & BODY_GROUPS:
        return False
    if resource in WITHOUT_BODY and not target.subresource:
        possible = resource == "configmaps" and verb in ("update", "patch", "delete")
        return possible and name in (None, AWS_AUTH)
    if side == "request":
        return True
    return target.path != "serviceaccounts/token" and verb not in READS

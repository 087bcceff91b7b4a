"""Requests for the examples of a new detection: an event each, with the object that it writes.

All identifiers are invented.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""The time of the first event of an example; any would do, as time comes from the events."""

ROLE = "arn:aws:sts::111122223333:assumed-role/developer/jane"
RBAC = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
AUTHORIZATION = "authorization.k8s.io"
NETWORKING = "networking.k8s.io"
REGISTRATION = "apiregistration.k8s.io"
CERTIFICATES = "certificates.k8s.io"

SIGNING_REQUEST = """\
-----BEGIN CERTIFICATE REQUEST-----
MIHfMIGFAgEAMCMxEDAOBgNVBAoMB2hlbHBlcnMxDzANBgNVBAMMBmhlbHBlcjBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABOIKpdLpy8V555Zxx2Fl83y0OBikpJYR
9HI8EsMa6C6ryE/SdAlWKZlHbg4ZHiIGnTt96y6E614Z0nVvIuyCPv+gADAKBggq
hkjOPQQDAgNJADBGAiEA/KNfnnpjwiUTYKns1Fmr4v4zNDU492M/8Wo8xsDNVLgC
IQCc9QXCsiPQ7hX8/lc/K48zTKiJGal7MdKoaE5/4DNjbQ==
-----END CERTIFICATE REQUEST-----
"""
"""Asks that a key, which nobody holds, be signed for the user helper of the group helpers."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an example event asks for; `body` is the object written, None where there is none."""

    verb: str
    resource: str
    name: str
    body: Json | None = None
    group: str = ""
    namespace: str = ""
    subresource: str = ""
    query: str = ""

    def event(self, minutes: float = 0) -> Json:
        """The audit event of this request, that long after the beginning."""
        at = (BEGIN + timedelta(minutes=minutes)).isoformat(timespec="microseconds")
        stamp = at.replace("+00:00", "Z")
        about = {
            "resource": self.resource,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
            "apiGroup": self.group,
            "apiVersion": "v1",
        }
        bodies = {"requestObject": self.body, "responseObject": self.body} if self.body else {}
        return {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "RequestResponse" if self.body else "Request",
            "auditID": str(uuid4()),
            "stage": "ResponseComplete",
            "requestURI": self._uri(),
            "verb": self.verb,
            "user": {
                "username": ROLE,
                "groups": ["developers", "system:authenticated"],
                "extra": {"arn": [ROLE], "sessionName": ["jane"]},
            },
            "sourceIPs": ["198.51.100.77"],
            "userAgent": "kubectl/v1.32.3 (linux/amd64) kubernetes/32cc146",
            "objectRef": {key: value for key, value in about.items() if value},
            "responseStatus": {"code": self._code()},
            **bodies,
            "requestReceivedTimestamp": stamp,
            "stageTimestamp": stamp,
            "annotations": {"authorization.k8s.io/decision": "allow"},
        }

    def _code(self) -> int:
        if self.subresource == "exec":
            return 101  # switching protocols
        return 201 if self.verb == "create" else 200

    def _uri(self) -> str:
        name = "" if self.verb == "create" and not self.subresource else self.name
        path = ("namespaces", self.namespace) if self.namespace else ()
        root = ("apis", self.group, "v1") if self.group else ("api", "v1")
        parts = [part for part in (*root, *path, self.resource, name, self.subresource) if part]
        return "/" + "/".join(parts) + self.query


def pod(container: Json | None = None, **spec: Any) -> Request:
    containers = [{"name": "app", "image": "registry.example.com/app:1.0", **(container or {})}]
    body = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"containers": containers, **spec},
    }
    return Request("create", "pods", "app", body, namespace="shop")


def volume(path: str) -> Request:
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return pod(mount, volumes=[{"name": "data", "hostPath": {"path": path}}])


def capability(name: str) -> Request:
    return pod({"securityContext": {"capabilities": {"add": [name]}}})


def role(verb: str) -> Request:
    body = {
        "kind": "ClusterRole",
        "apiVersion": f"{RBAC}/v1",
        "metadata": {"name": "helper"},
        "rules": [{"apiGroups": [RBAC], "resources": ["clusterroles"], "verbs": [verb]}],
    }
    return Request("create", "clusterroles", "helper", body, group=RBAC)


def binding(group: str) -> Request:
    body = {
        "kind": "ClusterRoleBinding",
        "apiVersion": f"{RBAC}/v1",
        "metadata": {"name": "helper"},
        "subjects": [{"kind": "Group", "apiGroup": RBAC, "name": group}],
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
    }
    return Request("create", "clusterrolebindings", "helper", body, group=RBAC)


def session(word: str) -> Request:
    query = f"?command={word}&container=app&stdout=true"
    return Request("get", "pods", "app", namespace="shop", subresource="exec", query=query)


def webhook(policy: str) -> Request:
    hook = {
        "name": "check.example.com",
        "clientConfig": {"service": {"namespace": "policy", "name": "check"}},
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
            }
        ],
        "failurePolicy": policy,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    body = {
        "kind": "ValidatingWebhookConfiguration",
        "apiVersion": f"{ADMISSION}/v1",
        "metadata": {"name": "check"},
        "webhooks": [hook],
    }
    return Request("create", "validatingwebhookconfigurations", "check", body, group=ADMISSION)


def service(type_: str) -> Request:
    body = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"type": type_, "selector": {"app": "app"}, "ports": [{"port": 80}]},
    }
    return Request("create", "services", "app", body, namespace="shop")


def ingress(*, encrypted: bool) -> Request:
    backend = {"service": {"name": "app", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    tls = {"tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]} if encrypted else {}
    body = {
        "kind": "Ingress",
        "apiVersion": f"{NETWORKING}/v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"rules": [{"host": "shop.example.com", "http": {"paths": [path]}}], **tls},
    }
    return Request("create", "ingresses", "app", body, group=NETWORKING, namespace="shop")


def scale(replicas: int) -> Request:
    """The count of a deployment that has three pods; a Scale leaves a count of zero out."""
    body = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": 3, "selector": "app=app"},
    }
    return Request(
        "update", "deployments", "app", body, group="apps", namespace="shop", subresource="scale"
    )


def token(seconds: int) -> Request:
    body = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "spec": {"expirationSeconds": seconds},
    }
    return Request("create", "serviceaccounts", "app", body, namespace="shop", subresource="token")


def certificate(signer: str) -> Request:
    body = {
        "kind": "CertificateSigningRequest",
        "apiVersion": f"{CERTIFICATES}/v1",
        "metadata": {"name": "helper"},
        "spec": {
            "request": b64encode(SIGNING_REQUEST.encode()).decode(),
            "signerName": signer,
            "usages": ["client auth"],
        },
    }
    return Request("create", "certificatesigningrequests", "helper", body, group=CERTIFICATES)


def mapping(group: str) -> Request:
    lines = (
        "- rolearn: arn:aws:iam::111122223333:role/helper",
        "  username: helper",
        "  groups:",
        f"  - {group}",
    )
    body = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": "\n".join(lines) + "\n"},
    }
    return Request("update", "configmaps", "aws-auth", body, namespace="kube-system")


def namespace(level: str) -> Request:
    body = {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": level}},
    }
    return Request("create", "namespaces", "shop", body, namespace="shop")


def extension(*, insecure: bool) -> Request:
    name = "v1.metrics.example.com"
    checked = {"insecureSkipTLSVerify": True} if insecure else {"caBundle": "ZXhhbXBsZQ=="}
    body = {
        "kind": "APIService",
        "apiVersion": f"{REGISTRATION}/v1",
        "metadata": {"name": name},
        "spec": {
            "group": "metrics.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": "shop", "name": "metrics", "port": 443},
            **checked,
        },
    }
    return Request("create", "apiservices", name, body, group=REGISTRATION)


def node(*, cordoned: bool) -> Request:
    name = "ip-10-0-1-23.ec2.internal"
    body = {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "spec": {
            "providerID": "aws:///eu-west-1a/i-0a1b2c3d4e5f60718",
            **({"unschedulable": True} if cordoned else {}),
        },
    }
    return Request("update", "nodes", name, body)


def account(annotations: Json) -> Request:
    body = {
        "kind": "ServiceAccount",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop", "annotations": annotations},
    }
    return Request("create", "serviceaccounts", "app", body, namespace="shop")


def review(resource: str) -> Request:
    asked = {"namespace": "shop", "verb": "list", "resource": resource}
    body = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": f"{AUTHORIZATION}/v1",
        "spec": {"resourceAttributes": asked},
        "status": {"allowed": True},
    }
    return Request("create", "selfsubjectaccessreviews", "", body, group=AUTHORIZATION)


def network(peers: list[Json]) -> Request:
    body = {
        "kind": "NetworkPolicy",
        "apiVersion": f"{NETWORKING}/v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "app"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers}] if peers else [{}],
        },
    }
    return Request("create", "networkpolicies", "app", body, group=NETWORKING, namespace="shop")


def policy(failure_policy: str) -> Request:
    group = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    body = {
        "kind": "ValidatingAdmissionPolicy",
        "apiVersion": f"{ADMISSION}/v1",
        "metadata": {"name": "check"},
        "spec": {
            "failurePolicy": failure_policy,
            "matchConstraints": {"resourceRules": [{**group, "operations": ["CREATE"]}]},
            "validations": [{"expression": "!has(object.spec.hostPID)"}],
        },
    }
    return Request("create", "validatingadmissionpolicies", "check", body, group=ADMISSION)


def quota(pods: int) -> Request:
    """A new limit on pods where ten were allowed until now."""
    body = {
        "kind": "ResourceQuota",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"hard": {"pods": str(pods)}},
        "status": {"hard": {"pods": "10"}, "used": {"pods": "9"}},
    }
    return Request("update", "resourcequotas", "app", body, namespace="shop")


ASKED = Request(
    "create",
    "selfsubjectrulesreviews",
    "",
    {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": f"{AUTHORIZATION}/v1",
        "spec": {"namespace": "shop"},
    },
    group=AUTHORIZATION,
)
"""The first step of a sequence: somebody asks what they may do."""

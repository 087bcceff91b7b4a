"""Starting points for a new detection: per view a condition, and an event for which it holds.

Each is small and true, so that an author begins with something that works and changes it. All
identifiers are invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""The time of the first event of an example; any would do, as time comes from the events."""

ROLE = "arn:aws:sts::111122223333:assumed-role/developer/jane"
RBAC = "rbac.authorization.k8s.io"


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
        name = "" if self.verb == "create" else self.name
        path = ("namespaces", self.namespace) if self.namespace else ()
        root = ("apis", self.group, "v1") if self.group else ("api", "v1")
        parts = [part for part in (*root, *path, self.resource, name, self.subresource) if part]
        return "/" + "/".join(parts) + self.query


@dataclass(frozen=True, slots=True)
class Start:
    """A condition on a view, the request that it finds, and its nearest innocent neighbour."""

    selection: str
    fields: Mapping[str, str]
    """Field to its value as YAML; all must hold."""
    happened: str
    """The end of the message, behind the actor's name."""
    tactic: str
    technique: str
    match: Request
    ignore: Request
    ignored: str
    """What differs in the neighbour, as the end of a file name."""


def _pod(container: Json | None = None, **spec: Any) -> Request:
    containers = [{"name": "app", "image": "registry.example.com/app:1.0", **(container or {})}]
    body = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"containers": containers, **spec},
    }
    return Request("create", "pods", "app", body, namespace="shop")


def _volume(path: str) -> Request:
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return _pod(mount, volumes=[{"name": "data", "hostPath": {"path": path}}])


def _capability(name: str) -> Request:
    return _pod({"securityContext": {"capabilities": {"add": [name]}}})


def _role(verb: str) -> Request:
    body = {
        "kind": "ClusterRole",
        "apiVersion": f"{RBAC}/v1",
        "metadata": {"name": "helper"},
        "rules": [{"apiGroups": [RBAC], "resources": ["clusterroles"], "verbs": [verb]}],
    }
    return Request("create", "clusterroles", "helper", body, group=RBAC)


def _binding(group: str) -> Request:
    body = {
        "kind": "ClusterRoleBinding",
        "apiVersion": f"{RBAC}/v1",
        "metadata": {"name": "helper"},
        "subjects": [{"kind": "Group", "apiGroup": RBAC, "name": group}],
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
    }
    return Request("create", "clusterrolebindings", "helper", body, group=RBAC)


def _exec(word: str) -> Request:
    query = f"?command={word}&container=app&stdout=true"
    return Request("get", "pods", "app", namespace="shop", subresource="exec", query=query)


def _webhook(policy: str) -> Request:
    group = "admissionregistration.k8s.io"
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
        "apiVersion": f"{group}/v1",
        "metadata": {"name": "check"},
        "webhooks": [hook],
    }
    return Request("create", "validatingwebhookconfigurations", "check", body, group=group)


def _service(type_: str) -> Request:
    body = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"type": type_, "selector": {"app": "app"}, "ports": [{"port": 80}]},
    }
    return Request("create", "services", "app", body, namespace="shop")


ASKED = Request(
    "create",
    "selfsubjectrulesreviews",
    "",
    {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"namespace": "shop"},
    },
    group="authorization.k8s.io",
)
"""The first step of a sequence: somebody asks what they may do."""

STARTS: Mapping[str, Start] = {
    "": Start(
        "deleted",
        {"verb": "delete", "objectRef.resource": "namespaces"},
        "deleted {object.ref}",
        "impact",
        "t1485",
        Request("delete", "namespaces", "shop", namespace="shop"),
        Request("get", "namespaces", "shop", namespace="shop"),
        "namespace_read",
    ),
    "pod": Start(
        "sees_processes",
        {"verb.class": "write", "pod.written": "true", "pod.host_pid": "true"},
        "deployed {object.ref}, which sees all processes of its node",
        "privilege-escalation",
        "t1611",
        _pod(hostPID=True),
        _pod(hostPID=False),
        "own_processes_only",
    ),
    "container": Start(
        "gets_capability",
        {"verb.class": "write", "pod.written": "true", "container.capabilities": "SYS_ADMIN"},
        "gave the container {container.name} in {object.ref} the capability SYS_ADMIN",
        "privilege-escalation",
        "t1611",
        _capability("SYS_ADMIN"),
        _capability("NET_BIND_SERVICE"),
        "harmless_capability",
    ),
    "volume": Start(
        "mounts_path",
        {
            "verb.class": "write",
            "pod.written": "true",
            "volume.type": "hostPath",
            "volume.path": "/etc",
        },
        "mounted {volume.path} of the node into {object.ref}",
        "privilege-escalation",
        "t1611",
        _volume("/etc"),
        _volume("/var/cache/app"),
        "other_path",
    ),
    "grant": Start(
        "grants_verb",
        {"verb.class": "write", "grant.written": "true", "grant.verbs": "[escalate, bind]"},
        "let {role.kind} {role.name} hand out rights that it lacks",
        "privilege-escalation",
        "t1098.006",
        _role("escalate"),
        _role("get"),
        "read_verb",
    ),
    "subject": Start(
        "binds_everybody",
        {
            "verb.class": "write",
            "subject.written": "true",
            "subject.kind": "Group",
            "subject.name": "system:authenticated",
        },
        "gave {subject.ref} the role {role.name} by {object.ref}",
        "persistence",
        "t1098.006",
        _binding("system:authenticated"),
        _binding("developers"),
        "one_team",
    ),
    "command": Start(
        "downloads",
        {"command.word": "[curl, wget]"},
        "ran {command.text} in {object.ref}",
        "execution",
        "t1609",
        _exec("curl"),
        _exec("ls"),
        "other_command",
    ),
    "webhook": Start(
        "fails_open",
        {"verb.class": "write", "webhook.written": "true", "webhook.failure_policy": "Ignore"},
        "let requests pass when the webhook {webhook.name} fails",
        "defense-impairment",
        "t1685",
        _webhook("Ignore"),
        _webhook("Fail"),
        "fails_closed",
    ),
    "service": Start(
        "opens_load_balancer",
        {"verb.class": "write", "service.written": "true", "service.type": "LoadBalancer"},
        "opened {object.ref} by a load balancer",
        "initial-access",
        "t1133",
        _service("LoadBalancer"),
        _service("ClusterIP"),
        "inside_only",
    ),
}
"""View to its start; the view without a name is the event."""

"""The derived facts of an event: who, from where, what, on which object, with what outcome.

One function per field of the shared vocabulary; `vocabulary.py` names and documents them.
A fact is None when the event does not say. Unless a fact says otherwise it reads header
fields alone. Credentials (ARN, session, access key, pod) belong to the user who
authenticated, also when that user impersonates another.
"""

import re
from urllib.parse import unquote, unquote_plus

import msgspec

from ekswatch.audit.addresses import address_class, network
from ekswatch.audit.event import NO_BODY, AuditEvent, Owner
from ekswatch.audit.lenient import objects, text
from ekswatch.audit.resources import CLUSTER_SCOPED, WORKLOAD_OWNERS

POD_NAME = "authentication.kubernetes.io/pod-name"
NODE_NAME = "authentication.kubernetes.io/node-name"
PRINCIPAL_ID = "sigs.k8s.io/aws-iam-authenticator/principalId"
DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
TRUNCATED = "audit.k8s.io/truncated"

SERVICE_ACCOUNT = "system:serviceaccount:"
NODE = "system:node:"

VERB_CLASSES = {
    "get": "read",
    "list": "read",
    "watch": "read",
    "create": "write",
    "update": "write",
    "patch": "write",
    "delete": "delete",
    "deletecollection": "delete",
}

CHILD_CONTROLLERS = frozenset(
    f"{SERVICE_ACCOUNT}kube-system:{name}"
    for name in (
        "cronjob-controller",
        "daemon-set-controller",
        "deployment-controller",
        "job-controller",
        "replicaset-controller",
        "replication-controller",
        "statefulset-controller",
    )
)
"""The accounts that turn a workload into its children."""

FAILED_OPEN = (
    "failed-open.mutation.webhook.admission.k8s.io/",
    "failed-open.mutating.webhook.admission.k8s.io/",
    "failed-open.validating.webhook.admission.k8s.io/",
)
"""What the keys of annotations start with that name a webhook which did not answer."""

AUDIT_VIOLATIONS = "pod-security.kubernetes.io/audit-violations"
POLICY_FAILURE = "validation.policy.admission.k8s.io/validation_failure"
"""Annotations in which the API server says what is wrong with an object."""

REFUSED_BY_POLICY = ("violates PodSecurity", "ValidatingAdmissionPolicy '")
"""Words of a refusal by Pod Security, and by an admission policy of the API server."""

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
GENERATED_NAME = re.compile(
    rf"(.+?)-\d{{8,10}}-{_RANDOM}{{5}}"  # of a CronJob's Job
    rf"|(.+?)-{_RANDOM}{{6,10}}-{_RANDOM}{{5}}"  # of a Deployment's ReplicaSet
    rf"|(.+)-{_RANDOM}{{5}}"  # of a DaemonSet, ReplicaSet or Job
    r"|(.+)-\d{1,9}"  # of a StatefulSet
)
"""Names that controllers give pods; their random parts have no vowels, 0, 1 and 3."""

CHILD_RESOURCES = frozenset({"jobs", "pods", "replicasets"})

CARRIED_OUT = frozenset({"attach", "exec", "portforward", "proxy", "token"})
"""Subresources that do their work however the request asks for a dry run."""


# Who


def actor_name(event: AuditEvent) -> str | None:
    return event.actor.username or None


def actor_kind(event: AuditEvent) -> str | None:
    """Return human, service-account, node, system or anonymous.

    None for a damaged record without a user name: the loss of the name proves nothing.
    """
    name, groups = event.actor.username, event.actor.groups
    if not name:
        return None if event.partial else "anonymous"
    if name == "system:anonymous" or "system:unauthenticated" in groups:
        return "anonymous"
    if name.startswith(SERVICE_ACCOUNT):
        return "service-account"
    if name.startswith(NODE):
        return "node"
    return "system" if name.startswith(("system:", "eks:")) else "human"


def actor_groups(event: AuditEvent) -> tuple[str, ...] | None:
    return event.actor.groups or None


def actor_uid(event: AuditEvent) -> str | None:
    return event.actor.uid or None


def actor_arn(event: AuditEvent) -> str | None:
    """Return the IAM principal: canonicalArn (the role or user), else arn (the session)."""
    return _extra(event, "canonicalArn") or _extra(event, "arn")


def actor_role(event: AuditEvent) -> str | None:
    """Return the actor's name, the ARN of an assumed role without its session."""
    name = event.actor.username
    head, separator, rest = name.partition(":assumed-role/")
    if separator and head.startswith("arn:"):
        return f"{head}{separator}{rest.partition('/')[0]}"
    return name or None


def actor_session(event: AuditEvent) -> str | None:
    """Return the session name that IAM recorded, else the one in an assumed-role ARN."""
    if named := _extra(event, "sessionName"):
        return named
    for arn in (_extra(event, "arn") or "", event.user.username):
        if arn.startswith("arn:") and ":assumed-role/" in arn:
            return arn.partition(":assumed-role/")[2].partition("/")[2] or None
    return None


def actor_access_key_id(event: AuditEvent) -> str | None:
    return _extra(event, "accessKeyId")


def actor_principal_id(event: AuditEvent) -> str | None:
    """Return the unique ID of the IAM role or user, as in AROA... or AIDA..."""
    return _extra(event, "principalId") or _extra(event, PRINCIPAL_ID)


def actor_pod(event: AuditEvent) -> str | None:
    return _extra(event, POD_NAME)


def actor_node(event: AuditEvent) -> str | None:
    return _extra(event, NODE_NAME)


def actor_namespace(event: AuditEvent) -> str | None:
    return _service_account(event)[0] or None


def actor_account(event: AuditEvent) -> str | None:
    return _service_account(event)[1] or None


def impersonator(event: AuditEvent) -> str | None:
    return None if event.impersonatedUser is None else event.user.username or None


def actor_at_own_node(event: AuditEvent) -> bool | None:
    """Return whether a node named after its address speaks from that address.

    None for other actors, and for nodes whose name holds no address (i-0123...).
    """
    name = event.actor.username
    if not name.startswith(f"{NODE}ip-") or not event.sourceIPs:
        return None
    octets = name.removeprefix(f"{NODE}ip-").partition(".")[0].split("-")
    if len(octets) != 4 or not all(octet.isdigit() for octet in octets):
        return None
    return event.sourceIPs[-1] == ".".join(octets)


def _service_account(event: AuditEvent) -> tuple[str, str]:
    name = event.actor.username
    if not name.startswith(SERVICE_ACCOUNT):
        return "", ""
    namespace, _, account = name.removeprefix(SERVICE_ACCOUNT).partition(":")
    return namespace, account


def _extra(event: AuditEvent, key: str) -> str | None:
    values = event.user.extra.get(key)
    return values[0] or None if values else None


# From where


def source_address(event: AuditEvent) -> str | None:
    """Return the last source address, the only one that the API server sets itself."""
    return event.sourceIPs[-1] or None if event.sourceIPs else None


def source_addresses(event: AuditEvent) -> tuple[str, ...] | None:
    return event.sourceIPs or None


def source_class(event: AuditEvent) -> str:
    return address_class(event.sourceIPs[-1]) if event.sourceIPs else "unknown"


def source_network(event: AuditEvent) -> str | None:
    """Return the /24 (IPv6: /48) of a public last address, else private or loopback."""
    return network(event.sourceIPs[-1]) or None if event.sourceIPs else None


def source_country(event: AuditEvent) -> str | None:
    """Return the ISO code of the country of the last address, if a database has it."""
    return event.place.country or None


def source_city(event: AuditEvent) -> str | None:
    return event.place.city or None


def source_asn(event: AuditEvent) -> str | None:
    """Return the autonomous system that the last address belongs to, as in AS64496."""
    return event.place.asn or None


def source_as_org(event: AuditEvent) -> str | None:
    return event.place.as_org or None


def source_any_public(event: AuditEvent) -> bool | None:
    if not event.sourceIPs:
        return None
    return any(address_class(address) == "public" for address in event.sourceIPs)


def client_family(event: AuditEvent) -> str | None:
    """Return the user agent up to the first slash or blank, in lower case."""
    words = event.userAgent.partition("/")[0].split(maxsplit=1)
    return words[0].lower() if words else None


# What


def verb_class(event: AuditEvent) -> str | None:
    return VERB_CLASSES.get(event.verb)


def resource(event: AuditEvent) -> str | None:
    """Return the resource with its subresource, as in pods/exec."""
    ref = event.objectRef
    return f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource or None


def request_path(event: AuditEvent) -> str | None:
    """Return the path of the request, percent decoded so that no spelling hides it."""
    path = event.requestURI.partition("?")[0]
    return unquote(path) if "%" in path else path or None


def request_query(event: AuditEvent) -> str | None:
    return unquote_plus(event.requestURI.partition("?")[2]) or None


def request_label_selector(event: AuditEvent) -> str | None:
    return _parameter(event, "labelSelector")


def request_field_selector(event: AuditEvent) -> str | None:
    return _parameter(event, "fieldSelector")


def request_target(event: AuditEvent) -> str | None:
    """Return what was asked for without naming the object: "list secrets kube-system"."""
    what = resource(event) or request_path(event)
    if not event.verb or not what:
        return None
    return " ".join(filter(None, (event.verb, what, object_namespace(event))))


def request_creates(event: AuditEvent) -> bool | None:
    """Return whether the request asks for a new object, or made one (apply answers 201)."""
    if not event.verb:
        return None
    if event.objectRef.subresource:
        return False
    made = verb_class(event) == "write" and event.responseStatus.code == 201
    return event.verb == "create" or made


def request_dry_run(event: AuditEvent) -> bool:
    """Return whether the API server was asked to try the request only, and does so.

    It knows the parameter in this spelling alone, and refuses any value but All. Where it
    connects to something, and where it issues a token, it ignores the parameter; a delete
    with a body is decided by the body.
    Source: k8s.io/apiserver/pkg/endpoints/handlers, rest.go and delete.go.
    """
    kind = verb_class(event)
    if kind not in ("write", "delete") or event.objectRef.subresource in CARRIED_OUT:
        return False
    if kind == "delete":
        if event.requestObject != NO_BODY:
            return b'"dryRun":["All"]' in bytes(event.requestObject)
        if event.level == "Metadata":  # there may have been a body
            return False
    if "dryRun" not in event.requestURI and "%" not in event.requestURI:
        return False  # spares the parsing; only an encoded name could still be it
    values = {value for key, value in event.query if key == "dryRun"}
    return values == {"All"}


def _parameter(event: AuditEvent, name: str) -> str | None:
    if name not in event.requestURI:
        return None
    return next((value for key, value in event.query if key == name), None) or None


# On which object


def object_name(event: AuditEvent) -> str | None:
    """Return the name in the reference, else in a body (a create's reference has none).

    Reads the bodies when the reference has no name. A refused create of a generated name
    yields its prefix.
    """
    if event.objectRef.name:
        return event.objectRef.name
    request = event.request_head.metadata
    return event.response_head.metadata.name or request.name or request.generateName or None


def object_namespace(event: AuditEvent) -> str | None:
    return event.objectRef.namespace or None


def object_ref(event: AuditEvent) -> str | None:
    """Return resource, namespace and name, a star where every one is meant; else the path.

    Reads the bodies when the reference has no name. The subresource is left out: an exec
    is about the pod.
    """
    ref = event.objectRef
    if not ref.resource:
        return request_path(event)
    name = object_name(event) or "*"
    if ref.resource in CLUSTER_SCOPED or (ref.name and not ref.namespace):
        return f"{ref.resource} {name}"
    return f"{ref.resource} {ref.namespace or '*'}/{name}"


def object_workload(event: AuditEvent) -> str | None:
    """Return the name of the workload that a pod's name tells of, of any other object its own.

    Controllers name their pods after themselves and end the name in letters and digits of
    their own choice, a StatefulSet in a number.
    """
    name = object_name(event)
    if name is None or event.objectRef.resource != "pods":
        return name
    generated = GENERATED_NAME.fullmatch(name)
    return next(filter(None, generated.groups())) if generated else name


def controller_child(event: AuditEvent) -> bool:
    """Return whether a built-in controller wrote this for a parent that we evaluate too.

    Reads the request body, but only when the actor is such a controller. A token of that
    account that was issued to a pod is not the controller's.
    """
    if (
        event.user.username not in CHILD_CONTROLLERS
        or event.impersonatedUser is not None
        or POD_NAME in event.user.extra
        or event.objectRef.resource not in CHILD_RESOURCES
        or verb_class(event) != "write"
    ):
        return False
    return any(map(_is_evaluated_parent, _owners(event)))


def _owners(event: AuditEvent) -> tuple[Owner, ...]:
    answered = event.verb == "patch" and event.responseObject != NO_BODY
    head = event.response_head if answered else event.request_head
    return head.metadata.ownerReferences


def _is_evaluated_parent(owner: Owner) -> bool:
    return owner.controller and (owner.apiVersion.rpartition("/")[0], owner.kind) in WORKLOAD_OWNERS


# With what outcome


def outcome(event: AuditEvent) -> str:
    """Return ok, denied, refused, unauthenticated, failed or unknown.

    Refused means that authorization allowed what admission, validation or the RBAC
    escalation check then rejected.
    """
    code, decision = event.responseStatus.code, event.annotations.get(DECISION, "")
    if code == 401:
        return "unauthenticated"
    if decision == "forbid" or (code == 403 and decision != "allow"):
        return "denied"
    if code in (400, 403, 422) and decision == "allow":
        return "refused"
    if 200 <= code < 300 or code == 101:
        return "ok"
    return "failed" if code >= 300 else "unknown"


def authorization_decision(event: AuditEvent) -> str | None:
    return event.annotations.get(DECISION) or None


def authorization_reason(event: AuditEvent) -> str | None:
    return event.annotations.get(REASON) or None


def authorization_grant(event: AuditEvent) -> str | None:
    """Return what granted the request: RoleBinding, ClusterRoleBinding, EKS Access Policy."""
    reason = event.annotations.get(REASON, "")
    if reason.startswith("EKS Access Policy"):
        return "EKS Access Policy"
    kind = reason.partition("allowed by ")[2].partition(" ")[0]
    return kind if kind in ("RoleBinding", "ClusterRoleBinding") else None


def authorization_role(event: AuditEvent) -> str | None:
    """Return the role that the reason names, as in: of ClusterRole "edit" to Group ..."""
    reason = event.annotations.get(REASON, "")
    for kind in (' of ClusterRole "', ' of Role "'):
        if kind in reason:
            return reason.partition(kind)[2].partition('"')[0] or None
    return None


def admission_failed_open(event: AuditEvent) -> tuple[str, ...] | None:
    """Return the webhooks that did not answer, and whose policy let the request through."""
    found = [
        str(name) for key, name in event.annotations.items() if key.startswith(FAILED_OPEN) and name
    ]
    return tuple(dict.fromkeys(found)) or None


def admission_violations(event: AuditEvent) -> tuple[str, ...] | None:
    """Return what Pod Security and admission policies said is wrong with the object.

    The words of the annotations, and the message of a refusal that came from one of them.
    """
    said = [event.annotations.get(AUDIT_VIOLATIONS, "")]
    said += _policy_failures(event.annotations.get(POLICY_FAILURE, ""))
    if any(words in event.responseStatus.message for words in REFUSED_BY_POLICY):
        said.append(event.responseStatus.message)
    return tuple(dict.fromkeys(filter(None, said))) or None


def _policy_failures(annotation: str) -> list[str]:
    """The messages of violated admission policies; the whole text where it cannot be read."""
    if not annotation:
        return []
    try:
        failures = msgspec.json.decode(annotation)
    except (msgspec.DecodeError, RecursionError):
        return [annotation]
    found = [text(failure.get("message")) for failure in objects(failures)]
    return found if any(found) else [annotation]


# How much of it was recorded


def body(event: AuditEvent) -> str:
    """Return which bodies the record carries: none, request, response or both."""
    request, response = event.requestObject != NO_BODY, event.responseObject != NO_BODY
    if request and response:
        return "both"
    return "request" if request else "response" if response else "none"


def partial(event: AuditEvent) -> str | None:
    """Return why the record is incomplete, None when it is whole."""
    if event.partial:
        return event.partial
    dropped = event.annotations.get(TRUNCATED) == "true"
    return "bodies dropped by the API server" if dropped else None

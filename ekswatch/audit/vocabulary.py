"""The vocabulary: every field that a detection may test, and how to read it.

It is the product's interface for rule authors; names never change meaning. A field of the
event view exists in every view; a field of another view is a key of that view's rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from ekswatch.audit import facts
from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.lenient import walk

Read = Callable[[AuditEvent], Value]

EVENT = ""
"""The event view has no name: a Sigma document without a category is evaluated on it."""

POD_VIEWS = ("pod", "container", "volume")

STATES = ("list", "cluster")
"""Views of how things stand, which the hourly function looks at; no event is behind their rows."""

OUTCOMES = ("finding", "delivery", *STATES)
"""Views of what was made of events, or of none: there is no event there."""

ONE_KEY_BELOW = frozenset({"annotations", "labels"})
"""Below these segments of a body path the rest of the path is one key, dots and all."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or one family of fields whose name ends in `.<key>` or `.*`.

    Shape: `type` is string, strings, int or bool. `read` reads an event-view field; None
    where the value is in a view's row, or where the family's member decides.
    `header` is true when reading never decodes a body.
    """

    name: str
    type: str
    views: tuple[str, ...]
    doc: str
    read: Read | None = None
    header: bool = False

    @property
    def view(self) -> str:
        """The view that introduces the field."""
        return self.views[0]

    @property
    def prefix(self) -> str:
        """What a member of a family starts with; empty for a single field."""
        stem, dot, last = self.name.rpartition(".")
        return stem + dot if last in ("<key>", "*") else ""


def reader(field: str) -> Read:
    """Return the function that reads an event-view field.

    Raises: KeyError for a field that the event view does not have.
    """
    known = FIELDS.get(field)
    if known is not None and known.read is not None:
        return known.read
    if key := _below(field, "annotations."):
        return lambda event: event.annotations.get(key)
    if key := _below(field, "user.extra."):
        return lambda event: event.user.extra.get(key)
    if path := _below(field, "requestObject."):
        return _body_reader("request", path)
    if path := _below(field, "responseObject."):
        return _body_reader("response", path)
    raise KeyError(field)


def is_header(field: str) -> bool:
    """Return whether reading an event-view field never decodes a body.

    Such a value depends only on header fields of the event, so engines may index by it.
    """
    known = FIELDS.get(field)
    if known is not None:
        return known.header
    return field.startswith(("annotations.", "user.extra."))


def lookup(field: str, view: str = EVENT) -> Field | None:
    """Return the field, or the family it is a member of, as a view has it; else None."""
    found = FIELDS.get(field) or next(
        (f for f in FIELDS.values() if f.prefix and _below(field, f.prefix)), None
    )
    return found if found is not None and has(view, found) else None


def has(view: str, field: Field) -> bool:
    """Return whether a view has a field: its own, or one of the event."""
    if view in field.views:
        return True
    if view in OUTCOMES:
        return view == "finding" and field.name in SUMMARY
    return EVENT in field.views


def _below(field: str, prefix: str) -> str:
    return field.removeprefix(prefix) if field.startswith(prefix) else ""


def _body_reader(side: str, path: str) -> Read:
    body, keys = attrgetter(side), _keys(path)
    return lambda event: walk(body(event), keys)


def _keys(path: str) -> tuple[str, ...]:
    """Split a body path at its dots, but not below annotations and labels."""
    keys = path.split(".")
    for index, key in enumerate(keys[:-1]):
        if key in ONE_KEY_BELOW:
            return (*keys[: index + 1], ".".join(keys[index + 1 :]))
    return tuple(keys)


def _present(name: str) -> Read:
    """Read an attribute of the event; its empty default means absent."""
    get = attrgetter(name)
    return lambda event: get(event) or None


def _impersonated(name: str) -> Read:
    get = attrgetter(name)
    return lambda event: None if (user := event.impersonatedUser) is None else get(user) or None


def _header(name: str, type_: str, doc: str, read: Read | None = None) -> Field:
    return Field(name, type_, (EVENT,), doc, read or _present(name), header=True)


def _family(name: str, type_: str, doc: str) -> Field:
    """`reader` knows how to read a member."""
    return Field(name, type_, (EVENT,), doc, header=not name.endswith("*"))


def _body(name: str, type_: str, doc: str, read: Read) -> Field:
    return Field(name, type_, (EVENT,), doc, read)


def _row(name: str, type_: str, doc: str, *views: str) -> Field:
    return Field(name, type_, views or (name.partition(".")[0],), doc)


def _pod(name: str, type_: str, doc: str) -> Field:
    return _row(name, type_, doc, *POD_VIEWS)


RECORDED = (
    _header("kind", "string", "Event."),
    _header("apiVersion", "string", "Version of the audit API, as in audit.k8s.io/v1."),
    _header("level", "string", "How much was recorded: Metadata, Request or RequestResponse."),
    _header("auditID", "string", "ID of the request; all its stages share it."),
    _header("stage", "string", "RequestReceived, ResponseStarted, ResponseComplete or Panic."),
    _header("requestURI", "string", "Path and query as the client sent them, encoded."),
    _header("verb", "string", "Kubernetes verb, or the HTTP method for a non-resource path."),
    _header("user.username", "string", "Who authenticated."),
    _header("user.uid", "string", "Unique ID of who authenticated."),
    _header("user.groups", "strings", "Groups of who authenticated."),
    _family("user.extra.<key>", "strings", "What the authenticator adds: arn, sessionName..."),
    _header(
        "impersonatedUser.username", "string", "Who is impersonated.", _impersonated("username")
    ),
    _header("impersonatedUser.uid", "string", "Unique ID of that user.", _impersonated("uid")),
    _header("impersonatedUser.groups", "strings", "Groups of that user.", _impersonated("groups")),
    _header("sourceIPs", "strings", "Source addresses; only the last is set by the server."),
    _header("userAgent", "string", "What the client calls itself. Anyone can claim any name."),
    _header("objectRef.resource", "string", "Resource in plural, as in pods."),
    _header("objectRef.subresource", "string", "Subresource, as in exec."),
    _header("objectRef.namespace", "string", "Namespace of the object."),
    _header("objectRef.name", "string", "Name of the object; lists and creates have none."),
    _header("objectRef.apiGroup", "string", "API group; absent for the core group."),
    _header("objectRef.apiVersion", "string", "Version of the API group."),
    _header("objectRef.uid", "string", "UID of the object."),
    _header("objectRef.resourceVersion", "string", "Version of the object."),
    _header("responseStatus.code", "int", "HTTP status code."),
    _header("responseStatus.status", "string", "Success or Failure."),
    _header("responseStatus.reason", "string", "Why it failed, in one word: Forbidden..."),
    _header("responseStatus.message", "string", "Why it failed, in a sentence."),
    _header("requestReceivedTimestamp", "string", "When the request arrived."),
    _header("stageTimestamp", "string", "When this stage was reached."),
    _family("annotations.<key>", "string", "Annotation of the event (not of the object)."),
    _family("requestObject.*", "strings", "Path in the request body; arrays mean any member."),
    _family("responseObject.*", "strings", "Path in the response body; arrays mean any member."),
)
"""What the API server recorded, under its names."""

DERIVED = (
    _header(
        "actor.name",
        "string",
        "Whom the request acts as: the impersonated user, else the user.",
        facts.actor_name,
    ),
    _header(
        "actor.kind",
        "string",
        "human, service-account, node, system or anonymous.",
        facts.actor_kind,
    ),
    _header("actor.groups", "strings", "Groups of the actor.", facts.actor_groups),
    _header("actor.uid", "string", "Unique ID of the actor.", facts.actor_uid),
    _header("actor.arn", "string", "ARN of the IAM role or user.", facts.actor_arn),
    _header(
        "actor.role",
        "string",
        "Name of the actor; an assumed-role ARN without its session.",
        facts.actor_role,
    ),
    _header("actor.session", "string", "Session name of the assumed role.", facts.actor_session),
    _header("actor.access_key_id", "string", "AWS access key ID.", facts.actor_access_key_id),
    _header(
        "actor.principal_id", "string", "Unique ID of the IAM principal.", facts.actor_principal_id
    ),
    _header("actor.pod", "string", "Pod that the service account token is for.", facts.actor_pod),
    _header("actor.node", "string", "Node of that pod.", facts.actor_node),
    _header(
        "actor.namespace", "string", "Namespace of the service account.", facts.actor_namespace
    ),
    _header("actor.account", "string", "Name of the service account.", facts.actor_account),
    _header("impersonator", "string", "Who authenticated, when impersonating.", facts.impersonator),
    _header(
        "actor.at_own_node",
        "bool",
        "A node whose name holds its address speaks from that address.",
        facts.actor_at_own_node,
    ),
    _header(
        "outcome",
        "string",
        "ok; denied by authorization; refused by admission or validation; unauthenticated; "
        "failed; unknown.",
        facts.outcome,
    ),
    _header("source.address", "string", "Last source address.", facts.source_address),
    _header("source.addresses", "strings", "All source addresses.", facts.source_addresses),
    _header(
        "source.class",
        "string",
        "loopback, private, public or unknown: the network of the last address.",
        facts.source_class,
    ),
    _header(
        "source.network",
        "string",
        "Network of the last address: its /24 (IPv6: /48) where it is public, else its class.",
        facts.source_network,
    ),
    _header("source.any_public", "bool", "Some address is public.", facts.source_any_public),
    _header(
        "source.country",
        "string",
        "Country of a public last address, as in DE. Needs a database (docs/tuning.md).",
        facts.source_country,
    ),
    _header(
        "source.city",
        "string",
        "City of a public last address, in English. Needs a database that has cities.",
        facts.source_city,
    ),
    _header(
        "source.asn",
        "string",
        "Autonomous system of a public last address, as in AS64496. Needs a database.",
        facts.source_asn,
    ),
    _header(
        "source.as_org",
        "string",
        "Organisation that runs that autonomous system. Needs a database.",
        facts.source_as_org,
    ),
    _header(
        "client.family",
        "string",
        "User agent up to the first slash or blank, lower case.",
        facts.client_family,
    ),
    _header("resource", "string", "Resource with subresource, as in pods/exec.", facts.resource),
    _header("verb.class", "string", "read, write or delete.", facts.verb_class),
    _header("request.path", "string", "Path without query, decoded.", facts.request_path),
    _header("request.query", "string", "Query, decoded.", facts.request_query),
    _header(
        "request.label_selector", "string", "Label selector, decoded.", facts.request_label_selector
    ),
    _header(
        "request.field_selector", "string", "Field selector, decoded.", facts.request_field_selector
    ),
    _header(
        "request.dry_run",
        "bool",
        "The server only tried the write, and kept nothing.",
        facts.request_dry_run,
    ),
    _header(
        "request.target",
        "string",
        "Verb, resource and namespace: list secrets kube-system.",
        facts.request_target,
    ),
    _header(
        "request.creates",
        "bool",
        "Asks for a new object, or made one (apply answers 201).",
        facts.request_creates,
    ),
    _body(
        "object.name",
        "string",
        "Name in the reference, else in the bodies.",
        facts.object_name,
    ),
    _header("object.namespace", "string", "Namespace of the object.", facts.object_namespace),
    _body(
        "object.ref",
        "string",
        "pods payments/web, secrets payments/*, clusterroles admin; or the path.",
        facts.object_ref,
    ),
    _body(
        "object.workload",
        "string",
        "Name of the workload that a pod's name tells of; of other objects their own.",
        facts.object_workload,
    ),
    _header(
        "admission.failed_open",
        "strings",
        "Webhooks that did not answer, and let the request through.",
        facts.admission_failed_open,
    ),
    _header(
        "admission.violations",
        "strings",
        "What Pod Security and admission policies said is wrong with the object.",
        facts.admission_violations,
    ),
    _header("authorization.decision", "string", "allow or forbid.", facts.authorization_decision),
    _header(
        "authorization.reason",
        "string",
        "Why, in the authorizer's words.",
        facts.authorization_reason,
    ),
    _header(
        "authorization.grant",
        "string",
        "RoleBinding, ClusterRoleBinding or EKS Access Policy.",
        facts.authorization_grant,
    ),
    _header(
        "authorization.role", "string", "Role that the reason names.", facts.authorization_role
    ),
    _body(
        "controller_child",
        "bool",
        "Written by a built-in controller for a parent that is evaluated itself.",
        facts.controller_child,
    ),
    _header("body", "string", "Bodies recorded: none, request, response or both.", facts.body),
    _header("partial", "string", "Why the record is incomplete.", facts.partial),
)
"""What `facts` derives from an event."""

PODS = (
    _pod("pod.kind", "string", "Kind of the object that carries the pod spec."),
    _pod("pod.name", "string", "Name of that object."),
    _pod("pod.namespace", "string", "Namespace of that object."),
    _pod("pod.host_network", "bool", "Shares the node's network."),
    _pod("pod.host_pid", "bool", "Shares the node's processes."),
    _pod("pod.host_ipc", "bool", "Shares the node's IPC."),
    _pod("pod.host_process", "bool", "Runs as a Windows host process, at pod or container level."),
    _pod("pod.host_ports", "strings", "Ports opened on the node."),
    _pod("pod.share_process_namespace", "bool", "Its containers see each other's processes."),
    _pod("pod.sysctls", "strings", "Kernel parameters set, by name."),
    _pod(
        "pod.relaxed",
        "strings",
        "Isolation that the spec gives up, as in runAsUser 0, allowPrivilegeEscalation, "
        "seccomp Unconfined, sysctl net.core.somaxconn; not what hosts and privileges have.",
    ),
    _pod("pod.service_account", "string", "Service account that the pod runs as."),
    _pod(
        "pod.account",
        "string",
        "User name of that account: system:serviceaccount:data:reports.",
    ),
    _pod("pod.automount_token", "bool", "Mounts a token; absent when the account decides."),
    _pod("pod.node", "string", "Node that the spec names."),
    _pod("pod.priority_class", "string", "Priority class."),
    _pod("pod.images", "strings", "Images of all containers, as written."),
    _pod("pod.host_paths", "strings", "Host paths of all volumes, cleaned."),
    _pod("pod.privileged", "bool", "Some container is privileged."),
    _pod("pod.capabilities", "strings", "Capabilities that some container adds."),
    _pod("pod.labels.<key>", "string", "Label of the pods."),
    _pod("pod.annotations.<key>", "string", "Annotation of the pods."),
    _pod("pod.owner_kind", "string", "Kind of the object's controller."),
    _pod("pod.written", "bool", "The request writes the pod spec; false for a patch beside it."),
    _pod(
        "pod.last_applied_privileged",
        "bool",
        "The request's last-applied annotation has a privileged container.",
    ),
    _pod(
        "pod.last_applied_host_network",
        "bool",
        "The request's last-applied annotation asks for the node's network.",
    ),
    _row("container.name", "string", "Name of the container."),
    _row("container.kind", "string", "container, init or ephemeral."),
    _row("container.added", "bool", "The request adds it to a workload that is there already."),
    _row("container.image", "string", "Image as written."),
    _row("container.repository", "string", "Image without tag and digest, Docker Hub in full."),
    _row("container.registry", "string", "Host of the registry."),
    _row("container.privileged", "bool", "Is privileged."),
    _row("container.host_process", "bool", "Is a Windows host process."),
    _row("container.allow_privilege_escalation", "bool", "What the spec says; absent when unset."),
    _row(
        "container.run_as_root",
        "bool",
        "User 0, or runAsNonRoot explicitly false; absent when the image decides.",
    ),
    _row("container.run_as_user", "int", "User ID, from the container, else from the pod."),
    _row("container.capabilities", "strings", "Capabilities added, upper case, without CAP_."),
    _row("container.seccomp", "string", "Seccomp profile type, of the container, else the pod."),
    _row("container.proc_mount", "string", "How /proc is mounted, when the spec says."),
    _row("container.command", "string", "Command and arguments, joined by a blank."),
    _row("container.hooks", "strings", "Commands of lifecycle hooks and probes."),
    _row(
        "container.decoded",
        "strings",
        "Command and hooks as written, and without percent-encoding, Base64 and quotes.",
    ),
    _row("container.outside_hosts", "strings", "Hosts outside the cluster that they name."),
    _row("container.env_names", "strings", "Names of environment variables."),
    _row("container.env_peers", "strings", "Hosts with scheme or port in their values."),
    _row(
        "container.credentials",
        "strings",
        "Kind and place of credentials in plain text, as in password in env DB_PASSWORD; "
        "never the credentials.",
    ),
    _row("container.mounts", "strings", "Mount paths."),
    _row("container.ports", "strings", "Container ports."),
    _row("container.stdin", "bool", "Keeps standard input open."),
    _row("container.tty", "bool", "Has a terminal."),
    _row("container.target", "string", "Container that an ephemeral container looks into."),
    _row("volume.name", "string", "Name of the volume, or of the PersistentVolume."),
    _row("volume.type", "string", "hostPath, secret, configMap, projected, ..."),
    _row("volume.path", "string", "Path on the node (hostPath, local), cleaned."),
    _row("volume.mounted", "bool", "Some container mounts it; absent for a PersistentVolume."),
    _row("volume.writable", "bool", "Some mount is not read-only; true for a PersistentVolume."),
    _row("volume.images", "strings", "Images of the containers that mount it."),
    _row("volume.repositories", "strings", "The same, in full and without tag and digest."),
)
"""The rows of the views pod, container and volume."""

OTHER_ROWS = (
    _row("grant.verbs", "strings", "Verbs of the rule."),
    _row("grant.resources", "strings", "Resources of the rule, with subresources."),
    _row("grant.api_groups", "strings", "API groups of the rule; the core group is empty."),
    _row("grant.resource_names", "strings", "Object names that the rule is limited to."),
    _row("grant.non_resource_urls", "strings", "Paths of the rule."),
    _row("grant.written", "bool", "The request writes the rules; false for a patch beside them."),
    _row("role.kind", "string", "Role or ClusterRole.", "grant", "subject"),
    _row("role.name", "string", "Name of the role, or of the role bound.", "grant", "subject"),
    _row("role.namespace", "string", "Namespace of the role.", "grant"),
    _row(
        "role.aggregates_to",
        "strings",
        "Roles that collect its rules by a label: admin, edit, view or one of your own.",
        "grant",
    ),
    _row("role.labels_written", "bool", "The request writes labels of the role.", "grant"),
    _row("account.role_arn", "string", "IAM role that its pods may assume, by annotation."),
    _row("account.role_written", "bool", "The request writes that annotation."),
    _row("subject.kind", "string", "User, Group or ServiceAccount."),
    _row("subject.name", "string", "Name of the subject."),
    _row("subject.namespace", "string", "Namespace of a service account."),
    _row("subject.ref", "string", "ServiceAccount data/reports, User jane, Group dev."),
    _row("subject.written", "bool", "The request writes subjects or the role reference."),
    _row("binding.kind", "string", "RoleBinding or ClusterRoleBinding.", "subject"),
    _row("binding.name", "string", "Name of the binding.", "subject"),
    _row("binding.namespace", "string", "Namespace of the binding.", "subject"),
    _row("command.words", "strings", "Words of the command, decoded, in order."),
    _row("command.text", "string", "The words, joined by a blank."),
    _row(
        "command.decoded",
        "strings",
        "The text as written, and without percent-encoding, Base64 and quotes.",
    ),
    _row("command.outside_hosts", "strings", "Hosts outside the cluster that it names."),
    _row("command.word", "string", "First word without its folder."),
    _row("command.tty", "bool", "With a terminal."),
    _row("command.stdin", "bool", "With standard input."),
    _row("command.container", "string", "Container that the request names."),
    _row("webhook.name", "string", "Name of the webhook."),
    _row("webhook.configuration", "string", "Name of the configuration."),
    _row("webhook.failure_policy", "string", "Fail or Ignore."),
    _row("webhook.url", "string", "URL, when the webhook is not a service."),
    _row("webhook.external", "bool", "The URL's host is outside the cluster."),
    _row("webhook.resources", "strings", "Resources of all its rules."),
    _row("webhook.api_groups", "strings", "API groups of all its rules."),
    _row("webhook.operations", "strings", "Operations of all its rules."),
    _row("webhook.written", "bool", "False for a patch of nothing but caBundle or metadata."),
    _row("finding.detection", "string", "Slug of the detection."),
    _row("finding.severity", "string", "informational, low, medium, high or critical."),
    _row("finding.risk", "int", "Risk score, 0 to 100: impact times confidence over 100."),
    _row("finding.tactic", "string", "ATT&CK tactic of the detection, the first if it has more."),
    _row("finding.leading", "bool", "No other finding of the same request is more severe."),
    _row("delivery.events", "int", "Events of that minute in one delivery."),
    _row("list.name", "string", "Name of a list that is read at run time."),
    _row("list.source", "string", "Where it is read from: s3://bucket/key or ssm:/parameter."),
    _row("list.values", "int", "How many values it has."),
    _row("list.age_hours", "int", "Hours since its source was changed; absent if never read."),
    _row("list.stale_hours", "int", "Age at which it counts as stale."),
    _row("list.stale", "bool", "It is older than that, or was never read."),
    _row("list.problem", "string", "Why the last reading failed."),
    _row("cluster.name", "string", "Name of an EKS cluster of the account and Region."),
    _row("cluster.watched", "bool", "It is to be watched: named, or found by its tag or with all."),
    _row("cluster.known", "bool", "EKS and CloudWatch Logs answered what was asked about it."),
    _row("cluster.problem", "string", "Why they did not, or why it could not be subscribed."),
    _row("cluster.live", "bool", "It runs; false for one that is not there, made or deleted now."),
    _row("cluster.status", "string", "ACTIVE, CREATING and so on; absent for one that is gone."),
    _row("cluster.audit_log", "bool", "EKS writes its audit log."),
    _row("cluster.log_group", "string", "Log group of its control plane."),
    _row("cluster.log_class", "string", "Class of that log group; absent where there is none."),
    _row("cluster.subscribed", "bool", "A subscription filter delivers it to ekswatch."),
    _row("cluster.others", "strings", "Names of the subscription filters of others."),
    _row("cluster.others_to", "strings", "ARNs of where these deliver to."),
    _row("cluster.newest_other", "string", "Name of the one that was made last."),
    _row("cluster.slots_full", "bool", "These leave no room for ours."),
    _row("cluster.filter", "string", "Name of our subscription filter: that of the stack."),
    _row("cluster.pattern", "string", "What our subscription filter lets pass."),
    _row("cluster.function", "string", "ARN of the function that it delivers to."),
    _row("cluster.deploy", "string", "What `-c clusters=` has to say to mend it; often absent."),
    _row("service.type", "string", "ClusterIP, NodePort, LoadBalancer or ExternalName."),
    _row("service.ports", "strings", "Ports, as in 80:30080/TCP."),
    _row("service.node_ports", "strings", "Ports opened on every node."),
    _row("service.external_ips", "strings", "External addresses."),
    _row("service.source_ranges", "strings", "Ranges that a load balancer lets in."),
    _row("service.written", "bool", "The request writes the spec; false for a patch beside it."),
    _row("service.selector", "strings", "Labels of the pods behind it, as in app=web."),
    _row("service.load_balancer_class", "string", "Controller that makes the load balancer."),
    _row("service.internet_facing", "bool", "AWS makes a load balancer with public addresses."),
    _row("service.exposure_written", "bool", "The request sets type, class, ranges or scheme."),
    _row("service.annotations.<key>", "string", "Annotation of the service, after the write."),
    _row("ingress.class", "string", "Class, by field or by annotation."),
    _row("ingress.hosts", "strings", "Host names that it answers to."),
    _row("ingress.paths", "strings", "Paths that it answers to, as written."),
    _row("ingress.backends", "strings", "Names of the services behind it."),
    _row("ingress.tls", "bool", "The spec has certificates."),
    _row("ingress.tls_written", "bool", "The request writes them, or takes them away."),
    _row("ingress.settings", "strings", "Annotations that the request sets, as key=value."),
    _row("ingress.written", "bool", "The request writes the spec; false for a patch beside it."),
    _row("ingress.annotations.<key>", "string", "Annotation of the ingress, after the write."),
    _row("scale.kind", "string", "Kind of what is scaled."),
    _row("scale.to", "int", "Pods that it shall have; at most, for an autoscaler."),
    _row("scale.from", "int", "Pods that the server saw last; absent without an answer."),
    _row("scale.factor", "int", "How many times as many as there were, rounded up."),
    _row("token.user", "string", "Service account that the token is for, as a user name."),
    _row("token.audience", "string", "Who shall accept it; absent when none is named."),
    _row("token.expiration_seconds", "int", "For how long it is asked."),
    _row("token.bound_kind", "string", "Kind of the object that it ends with, as in Pod."),
    _row("token.bound_name", "string", "Name of that object."),
    _row("certificate.signer", "string", "Signer that is asked."),
    _row("certificate.usages", "strings", "What the key may be used for."),
    _row("certificate.expiration_seconds", "int", "For how long it is asked."),
    _row("certificate.requester", "string", "Who made the request, as the API server recorded."),
    _row("certificate.conditions", "strings", "Approved, Denied, Failed, after the write."),
    _row("certificate.common_name", "string", "User name that it asks for."),
    _row("certificate.organizations", "strings", "Groups that it asks for."),
    _row("certificate.readable", "bool", "The subject could be read."),
    _row("certificate.text", "string", "Printable characters of one that could not."),
    _row("mapping.kind", "string", "role, user or account: the part that it stands in."),
    _row("mapping.arn", "string", "ARN of the IAM role or user."),
    _row("mapping.account", "string", "AWS account of it."),
    _row("mapping.foreign", "bool", "Not the account of the caller; absent when unknown."),
    _row("mapping.username", "string", "User that it becomes."),
    _row("mapping.groups", "strings", "Groups that it gets."),
    _row("mapping.text", "string", "The entry as written."),
    _row("mapping.plain", "bool", "Has no form of YAML that could not be read."),
    _row("mapping.written", "bool", "The request writes this part of the config map."),
    _row("namespace.enforce", "string", "Pod Security level that is enforced, after the write."),
    _row("namespace.audit", "string", "Pod Security level that is audited."),
    _row("namespace.warn", "string", "Pod Security level that is warned of."),
    _row("namespace.labels_set", "strings", "Keys of the labels that the request writes."),
    _row("namespace.labels_removed", "strings", "Keys that a patch removes; a star for all."),
    _row("namespace.labels.<key>", "string", "Label of the namespace, after the write."),
    _row("namespace.annotations.<key>", "string", "Annotation of the namespace."),
    _row("extension.kind", "string", "APIService or CustomResourceDefinition."),
    _row("extension.group", "string", "API group."),
    _row("extension.service", "string", "Namespace/name of the service that serves or converts."),
    _row("extension.url", "string", "URL of a conversion webhook."),
    _row("extension.external", "bool", "The URL's host is outside the cluster."),
    _row("extension.insecure", "bool", "The server's certificate is not verified."),
    _row("extension.conversion", "string", "None or Webhook."),
    _row("extension.written", "bool", "The request writes where requests or objects go."),
    _row("node.name", "string", "Name of the node."),
    _row("node.own", "bool", "The actor is that node."),
    _row("node.labels_set", "strings", "Keys of the labels that the request writes."),
    _row("node.labels_removed", "strings", "Keys that a patch removes; a star for all."),
    _row("node.taints", "strings", "Taints after the write, as in dedicated=gpu:NoSchedule."),
    _row("node.taints_written", "bool", "The request writes the taints."),
    _row("node.taints_removed", "bool", "A patch leaves no taint, or takes one out."),
    _row("node.unschedulable", "bool", "Takes no new pods, after the write."),
    _row("node.unschedulable_written", "bool", "The request writes that."),
    _row("node.provider_id", "string", "Instance that the node claims to be."),
    _row("node.provider_id_written", "bool", "The request writes that."),
    _row("review.kind", "string", "Kind of the question, as in SelfSubjectAccessReview."),
    _row("review.verb", "string", "Verb that is asked about."),
    _row("review.resource", "string", "Resource with subresource, as in pods/exec."),
    _row("review.api_group", "string", "API group; absent for the core group."),
    _row("review.namespace", "string", "Namespace; absent for all of them."),
    _row("review.name", "string", "Name of the object, where one is named."),
    _row("review.path", "string", "Path, where it is about one."),
    _row("review.question", "string", "Verb, resource or path, namespace: get secrets payments."),
    _row("review.user", "string", "User whose permissions are asked about."),
    _row("review.groups", "strings", "Groups of that user, where the question names them."),
    _row("review.allowed", "bool", "The answer; absent without one."),
    _row("network.name", "string", "Name of the network policy."),
    _row("network.types", "strings", "Ingress, Egress: the directions that it limits."),
    _row("network.whole_namespace", "bool", "It selects all pods of its namespace."),
    _row("network.open", "strings", "ingress, egress: lets everybody through on all ports."),
    _row("network.partly_open", "strings", "The same, on some ports or with exceptions."),
    _row("network.open_inside", "strings", "ingress, egress: lets every pod through."),
    _row("network.written", "bool", "The request writes the spec; false for a patch beside it."),
    _row("network.types_written", "bool", "The request writes the directions."),
    _row("network.rules_written", "bool", "The request writes rules of some direction."),
    _row("network.selector_written", "bool", "The request writes which pods it selects."),
    _row("policy.kind", "string", "Kind, as in ValidatingAdmissionPolicyBinding."),
    _row("policy.name", "string", "Name of the admission policy or binding."),
    _row("policy.bound", "string", "Policy that a binding is about."),
    _row("policy.failure_policy", "string", "Fail or Ignore."),
    _row("policy.failure_written", "bool", "The request writes that."),
    _row("policy.actions", "strings", "What follows from a violation: Deny, Warn, Audit."),
    _row("policy.actions_written", "bool", "The request writes that."),
    _row(
        "policy.exclusions",
        "strings",
        "How it leaves requests out: excludeResourceRules, namespaceSelector, objectSelector, "
        "matchConditions.",
    ),
    _row("policy.exclusions_written", "strings", "Those of them that a patch writes."),
    _row("policy.mutations", "strings", "Expressions by which it changes objects."),
    _row("policy.written", "bool", "The request writes the spec; false for a patch beside it."),
    _row("quota.name", "string", "Name of the resource quota."),
    _row("quota.factor", "int", "How many times as much some limit is as the one in force."),
    _row("quota.lifted", "strings", "Limits in force that the quota has no more."),
)
"""The rows of the other views."""

FIELDS: Mapping[str, Field] = {f.name: f for f in (*RECORDED, *DERIVED, *PODS, *OTHER_ROWS)}
"""Every field by name, families under their pattern."""

SUMMARY = (
    *(f.name for f in DERIVED if f.name.startswith("actor.")),
    "impersonator",
    *(f.name for f in DERIVED if f.name.startswith("source.")),
    "userAgent",
    "verb",
    "resource",
    "objectRef.apiGroup",
    "object.name",
    "object.namespace",
    "object.ref",
    "request.path",
    "outcome",
    "responseStatus.code",
    "authorization.decision",
    "authorization.reason",
    "authorization.grant",
    "authorization.role",
    "stage",
    "level",
)
"""What every match snapshots of its event."""

SIGNAL_SUMMARY = (
    *("actor.name", "actor.kind", "actor.groups", "actor.arn", "actor.role", "actor.session"),
    *("actor.access_key_id", "impersonator", "source.address", "source.class", "userAgent"),
    *("verb", "resource", "object.namespace", "object.ref", "outcome", "authorization.reason"),
)
"""What is left of that for a match that only counts together with others: a signal is one of
many, and paid for by its length. What a detection names is kept beside it."""

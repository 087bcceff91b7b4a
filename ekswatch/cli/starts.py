"""Starting points for a new detection: per view a condition, and an event for which it holds.

Each is small and true, so that an author begins with something that works and changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ekswatch.cli import specimens
from ekswatch.cli.specimens import Request


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
        specimens.pod(hostPID=True),
        specimens.pod(hostPID=False),
        "own_processes_only",
    ),
    "container": Start(
        "gets_capability",
        {"verb.class": "write", "pod.written": "true", "container.capabilities": "SYS_ADMIN"},
        "gave the container {container.name} in {object.ref} the capability SYS_ADMIN",
        "privilege-escalation",
        "t1611",
        specimens.capability("SYS_ADMIN"),
        specimens.capability("NET_BIND_SERVICE"),
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
        specimens.volume("/etc"),
        specimens.volume("/var/cache/app"),
        "other_path",
    ),
    "grant": Start(
        "grants_verb",
        {"verb.class": "write", "grant.written": "true", "grant.verbs": "[escalate, bind]"},
        "let {role.kind} {role.name} hand out rights that it lacks",
        "privilege-escalation",
        "t1098.006",
        specimens.role("escalate"),
        specimens.role("get"),
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
        specimens.binding("system:authenticated"),
        specimens.binding("developers"),
        "one_team",
    ),
    "command": Start(
        "downloads",
        {"command.word": "[curl, wget]"},
        "ran {command.text} in {object.ref}",
        "execution",
        "t1609",
        specimens.session("curl"),
        specimens.session("ls"),
        "other_command",
    ),
    "webhook": Start(
        "fails_open",
        {"verb.class": "write", "webhook.written": "true", "webhook.failure_policy": "Ignore"},
        "let requests pass when the webhook {webhook.name} fails",
        "defense-impairment",
        "t1685",
        specimens.webhook("Ignore"),
        specimens.webhook("Fail"),
        "fails_closed",
    ),
    "service": Start(
        "opens_load_balancer",
        {"verb.class": "write", "service.written": "true", "service.type": "LoadBalancer"},
        "opened {object.ref} by a load balancer",
        "initial-access",
        "t1133",
        specimens.service("LoadBalancer"),
        specimens.service("ClusterIP"),
        "inside_only",
    ),
    "ingress": Start(
        "sends_in_the_clear",
        {
            "verb.class": "write",
            "ingress.written": "true",
            "ingress.tls": "false",
        },
        "opened {object.ref} to requests in the clear",
        "credential-access",
        "t1040",
        specimens.ingress(encrypted=False),
        specimens.ingress(encrypted=True),
        "encrypted",
    ),
    "scale": Start(
        "stops_workload",
        {
            "verb.class": "write",
            "scale.to": "0",
        },
        "scaled {object.ref} from {scale.from} pods to none",
        "impact",
        "t1489",
        specimens.scale(0),
        specimens.scale(2),
        "one_pod_fewer",
    ),
    "token": Start(
        "lasts_long",
        {
            "token.expiration_seconds|gt": "86400",
        },
        "asked for a token of {token.user} that lasts longer than a day",
        "credential-access",
        "t1528",
        specimens.token(604_800),
        specimens.token(3600),
        "one_hour",
    ),
    "certificate": Start(
        "identifies_a_user",
        {
            "verb.class": "write",
            "certificate.signer": "kubernetes.io/kube-apiserver-client",
        },
        "asked for a certificate as the user {certificate.common_name}",
        "persistence",
        "t1098",
        specimens.certificate("kubernetes.io/kube-apiserver-client"),
        specimens.certificate("example.com/mesh"),
        "other_signer",
    ),
    "mapping": Start(
        "maps_to_everything",
        {
            "verb.class": "write",
            "mapping.written": "true",
            "mapping.groups": "system:masters",
        },
        "let {mapping.arn} do everything in the cluster",
        "persistence",
        "t1098.006",
        specimens.mapping("system:masters"),
        specimens.mapping("developers"),
        "one_team",
    ),
    "namespace": Start(
        "admits_privileged_pods",
        {
            "verb.class": "write",
            "namespace.labels_set": "pod-security.kubernetes.io/enforce",
            "namespace.enforce": "privileged",
        },
        "let privileged pods into the namespace {object.name}",
        "defense-impairment",
        "t1685",
        specimens.namespace("privileged"),
        specimens.namespace("baseline"),
        "baseline_level",
    ),
    "extension": Start(
        "trusts_any_server",
        {
            "verb.class": "write",
            "extension.written": "true",
            "extension.insecure": "true",
        },
        "let any server answer for the API group {extension.group}",
        "credential-access",
        "t1557",
        specimens.extension(insecure=True),
        specimens.extension(insecure=False),
        "verified",
    ),
    "node": Start(
        "cordons",
        {
            "verb.class": "write",
            "node.unschedulable_written": "true",
            "node.unschedulable": "true",
        },
        "keeps new pods off the node {node.name}",
        "impact",
        "t1489",
        specimens.node(cordoned=True),
        specimens.node(cordoned=False),
        "open_to_pods",
    ),
    "account": Start(
        "gives_role",
        {
            "verb.class": "write",
            "account.role_written": "true",
            "account.role_arn": "'*'",
        },
        "gave {object.ref} the IAM role {account.role_arn}",
        "privilege-escalation",
        "t1098.003",
        specimens.account({"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/app"}),
        specimens.account({}),
        "no_role",
    ),
    "review": Start(
        "asks_about_secrets",
        {
            "review.resource": "secrets",
            "review.verb": "[get, list]",
        },
        "asked whether they may {review.question}",
        "discovery",
        "t1613",
        specimens.review("secrets"),
        specimens.review("pods"),
        "about_pods",
    ),
    "network": Start(
        "lets_everybody_in",
        {
            "verb.class": "write",
            "network.written": "true",
            "network.open": "ingress",
        },
        "let everybody reach the pods of {object.ref}",
        "defense-impairment",
        "t1686",
        specimens.network([]),
        specimens.network([{"podSelector": {"matchLabels": {"app": "web"}}}]),
        "one_peer",
    ),
    "policy": Start(
        "fails_open",
        {
            "verb.class": "write",
            "policy.written": "true",
            "policy.failure_policy": "Ignore",
        },
        "let requests pass when the policy {policy.name} fails",
        "defense-impairment",
        "t1685",
        specimens.policy("Ignore"),
        specimens.policy("Fail"),
        "fails_closed",
    ),
    "quota": Start(
        "raises_limit",
        {
            "verb.class": "write",
            "quota.factor|gte": "10",
        },
        "let the namespace {object.namespace} use ten times as much or more",
        "impact",
        "t1496",
        specimens.quota(100),
        specimens.quota(20),
        "twice_as_much",
    ),
}
"""View to its start; the view without a name is the event."""

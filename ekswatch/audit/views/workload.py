"""The views pod and container: what a workload's pod spec asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import at, flag, mapping, objects, text, texts
from ekswatch.audit.resources import APPS, BATCH, CORE, WORKLOADS
from ekswatch.audit.views.images import registry, repository
from ekswatch.audit.views.paths import clean_path
from ekswatch.audit.views.row import Row, row
from ekswatch.audit.views.written import Written, written

KINDS = {resource: workload.kind for resource, workload in WORKLOADS.items()}
TEMPLATES = {workload.kind: workload.template for workload in WORKLOADS.values()}
GROUPS = (CORE, APPS, BATCH, "extensions")
EPHEMERAL = "ephemeralcontainers"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

LISTS = (
    ("containers", "container"),
    ("initContainers", "init"),
    ("ephemeralContainers", "ephemeral"),
)


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


@dataclass(frozen=True, slots=True)
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

    @property
    def debugs(self) -> bool:
        """Whether the request adds a debug container to a pod that runs already."""
        return self.written.subresource == EPHEMERAL


def read_pod(event: AuditEvent) -> Pod | None:
    """Return the pod spec that the event writes, None when it writes none."""
    found = written(event, KINDS, groups=GROUPS, subresources=("", EPHEMERAL))
    if found is None:
        return None
    path = TEMPLATES[found.kind]
    template = mapping(at(found.object, path))
    spec = mapping(template.get("spec"))
    if not spec:
        # a response that was cut before its spec; the request may have it
        template = mapping(at(found.request, path)) or template
        spec = mapping(template.get("spec"))
    if not spec and not last_applied(found.request):
        return None
    return Pod(found, template, spec, tuple(_containers(spec, found.subresource)))


def _containers(spec: Mapping[str, Json], subresource: str) -> Iterator[Container]:
    for key, kind in LISTS:
        if subresource != EPHEMERAL or kind == "ephemeral":
            yield from (Container(kind, item) for item in objects(spec.get(key)))


def pod_rows(event: AuditEvent) -> tuple[Row, ...]:
    pod = read_pod(event)
    return () if pod is None or pod.debugs else (pod_fields(pod),)


def container_rows(event: AuditEvent) -> tuple[Row, ...]:
    """One row per container; one without any when a fragment of a pod spec names none."""
    pod = read_pod(event)
    if pod is None:
        return ()
    common = pod_fields(pod)
    rows = tuple({**common, **_container_fields(pod, one)} for one in pod.containers)
    return rows if rows or pod.debugs or not pod.spec else (common,)


def pod_fields(pod: Pod) -> dict[str, Value]:
    """Return the fields of the view pod, which container and volume rows carry too."""
    spec, found = pod.spec, pod.written
    applied = last_applied(found.request)
    return {
        **row(
            {
                "pod.kind": found.kind,
                "pod.name": found.name,
                "pod.namespace": found.namespace,
                "pod.host_network": flag(spec.get("hostNetwork")),
                "pod.host_pid": flag(spec.get("hostPID")),
                "pod.host_ipc": flag(spec.get("hostIPC")),
                "pod.host_process": _host_process(pod.security)
                or any(_host_process(one.security) for one in pod.containers),
                "pod.host_ports": _ports(pod.containers, "hostPort"),
                "pod.share_process_namespace": flag(spec.get("shareProcessNamespace")),
                "pod.sysctls": _distinct(
                    text(item.get("name")) for item in objects(pod.security.get("sysctls"))
                ),
                "pod.service_account": text(spec.get("serviceAccountName"))
                or text(spec.get("serviceAccount")),
                "pod.automount_token": _bool(spec.get("automountServiceAccountToken")),
                "pod.node": text(spec.get("nodeName")),
                "pod.priority_class": text(spec.get("priorityClassName")),
                "pod.images": _distinct(one.image for one in pod.containers),
                "pod.host_paths": _distinct(
                    clean_path(text(at(volume, ("hostPath", "path"))))
                    for volume in objects(spec.get("volumes"))
                ),
                "pod.privileged": any(one.privileged for one in pod.containers),
                "pod.owner_kind": _owner_kind(found.object),
                "pod.written": _writes_pod(found),
                "pod.last_applied_privileged": _says(applied, "privileged"),
                "pod.last_applied_host_network": _says(applied, "hostNetwork"),
            }
        ),
        **_keyed("pod.labels.", at(pod.template, ("metadata", "labels"))),
        **_keyed("pod.annotations.", at(pod.template, ("metadata", "annotations"))),
    }


def _container_fields(pod: Pod, one: Container) -> dict[str, Value]:
    security = one.security
    user = _first_int(security.get("runAsUser"), pod.security.get("runAsUser"))
    return row(
        {
            "container.name": text(one.spec.get("name")),
            "container.kind": one.kind,
            "container.image": one.image,
            "container.repository": repository(one.image),
            "container.registry": registry(one.image),
            "container.privileged": one.privileged,
            "container.host_process": _host_process(security) or _host_process(pod.security),
            "container.allow_privilege_escalation": _bool(security.get("allowPrivilegeEscalation")),
            "container.run_as_root": _run_as_root(
                user, _first_bool(security.get("runAsNonRoot"), pod.security.get("runAsNonRoot"))
            ),
            "container.run_as_user": user,
            "container.capabilities": tuple(
                name.upper().removeprefix("CAP_")
                for name in texts(at(security, ("capabilities", "add")))
            ),
            "container.seccomp": text(at(security, ("seccompProfile", "type")))
            or text(at(pod.security, ("seccompProfile", "type"))),
            "container.proc_mount": text(security.get("procMount")),
            "container.command": " ".join(
                (*texts(one.spec.get("command")), *texts(one.spec.get("args")))
            ),
            "container.hooks": tuple(_hooks(one.spec)),
            "container.env_names": _distinct(
                text(item.get("name")) for item in objects(one.spec.get("env"))
            ),
            "container.mounts": _distinct(text(mount.get("mountPath")) for mount in one.mounts),
            "container.ports": _ports((one,), "containerPort"),
            "container.stdin": flag(one.spec.get("stdin")),
            "container.tty": flag(one.spec.get("tty")),
            "container.target": text(one.spec.get("targetContainerName")),
        }
    )


def last_applied(request: Mapping[str, Json]) -> str:
    """Return the text of kubectl's last-applied annotation in what the client sent."""
    return text(at(request, ("metadata", "annotations", LAST_APPLIED)))


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


def _keyed(prefix: str, value: Json) -> dict[str, Value]:
    return {prefix + key: item for key, item in mapping(value).items() if isinstance(item, str)}


def _distinct(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _bool(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _first_bool(*values: Json) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)


def _first_int(*values: Json) -> int | None:
    whole = (value for value in values if isinstance(value, int) and not isinstance(value, bool))
    return next(whole, None)

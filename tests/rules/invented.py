"""Events that nobody would write, and public rules about them, for property tests."""

from typing import Any

from hypothesis import strategies as st


def _short(strategy: Any) -> Any:
    """The same strategy under a short name: Hypothesis writes them out, and these nest deep."""

    @st.composite
    def invented(draw: Any) -> Any:
        return draw(strategy)

    return invented()


NAMES = st.sampled_from(
    ["", "a", "web", "admin", "system:anonymous", "system:node:n1", "kube-system", "payments"]
) | st.text(max_size=6)
VERBS = st.sampled_from(["get", "list", "watch", "create", "update", "patch", "delete", "GET"])
RESOURCES = st.sampled_from(["pods", "secrets", "configmaps", "deployments", "roles", "leases", ""])
SCALARS = st.none() | st.booleans() | st.integers(-2, 1000) | st.floats(allow_nan=False) | NAMES
ADDRESSES = ["10.0.0.1", "10.1.0.1", "198.51.100.7", "::1", "2001:db8::1", "x"]
TIMES = ["2026-11-20T10:05:00Z", "2026-11-20T23:30:00.123456Z", "2026-01-01T00:00:00Z", "", "soon"]
AGENTS = ["", "kubectl/v1.32 (linux/amd64)", "Helm/3.13", "kubelet/v1", "KUBE-x"]
URIS = [
    "/api/v1/namespaces/kube-system/pods",
    "/healthz",
    "/api/v1/namespaces/a/pods/web/exec?command=sh&command=-c&command=a%20b&stdin=true&tty=false",
]

BODIES = _short(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("spec", "metadata", "name", "replicas", "containers", "image", "labels"),
                        *("hostNetwork", "app", "kind", "rules", "verbs", "resources", "status"),
                        *("phase", "volumes", "hostPath", "path", "securityContext", "privileged"),
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
POD_WRITES = st.fixed_dictionaries(
    {
        "kind": st.just("Pod"),
        "spec": st.fixed_dictionaries(
            {
                "hostNetwork": st.booleans(),
                "containers": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": NAMES,
                            "image": st.sampled_from(["nginx:latest", "registry.k8s.io/pause"]),
                            "securityContext": st.fixed_dictionaries(
                                {"privileged": st.booleans(), "runAsUser": st.integers(0, 2000)}
                            ),
                        }
                    ),
                    max_size=3,
                ),
                "volumes": st.lists(
                    st.fixed_dictionaries(
                        {"name": NAMES, "hostPath": st.just({"path": "/var/run/x"})}
                    ),
                    max_size=2,
                ),
            }
        ),
    }
)
ROLE_WRITES = st.fixed_dictionaries(
    {
        "kind": st.just("ClusterRole"),
        "rules": st.lists(
            st.fixed_dictionaries(
                {
                    "verbs": st.lists(st.sampled_from(["get", "list", "*"]), max_size=2),
                    "resources": st.lists(st.sampled_from(["secrets", "pods", "*"]), max_size=2),
                    "apiGroups": st.lists(st.sampled_from(["", "*", "apps"]), max_size=2),
                }
            ),
            max_size=3,
        ),
    }
)


def _event(resource: Any, body: Any, subresource: Any) -> Any:
    made = _short(
        st.fixed_dictionaries(
            {
                "auditID": NAMES,
                "stage": st.sampled_from(
                    ["ResponseComplete", "ResponseStarted", "RequestReceived"]
                ),
                "level": st.sampled_from(["Metadata", "Request", "RequestResponse"]),
                "verb": VERBS,
                "requestURI": st.sampled_from(URIS) | NAMES,
                "user": st.fixed_dictionaries(
                    {
                        "username": NAMES,
                        "groups": st.lists(
                            st.sampled_from(["system:nodes", "system:masters"]), max_size=2
                        ),
                        "extra": st.dictionaries(
                            st.just("authentication.kubernetes.io/pod-name"),
                            st.lists(NAMES, max_size=1),
                            max_size=1,
                        ),
                    }
                ),
                "sourceIPs": st.lists(st.sampled_from(ADDRESSES), max_size=2),
                "userAgent": st.sampled_from(AGENTS),
                "objectRef": st.fixed_dictionaries(
                    {
                        "resource": resource,
                        "name": NAMES,
                        "namespace": NAMES,
                        "subresource": subresource,
                    }
                ),
                "responseStatus": st.fixed_dictionaries(
                    {"code": st.sampled_from([0, 200, 201, 403, 409])}
                ),
                "requestObject": body,
                "responseObject": BODIES,
                "requestReceivedTimestamp": st.sampled_from(TIMES),
                "annotations": st.dictionaries(
                    st.sampled_from(
                        ["authorization.k8s.io/decision", "authorization.k8s.io/reason"]
                    ),
                    st.sampled_from(
                        ["allow", "forbid", 'ClusterRoleBinding "x" of ClusterRole "admin"']
                    ),
                ),
            }
        )
    )
    return made.map(_referring)


def _referring(record: dict[str, Any]) -> dict[str, Any]:
    """A reference names a resource or nothing: the server makes it of the parts of the path."""
    return record if record["objectRef"]["resource"] else {**record, "objectRef": {}}


EVENTS = _event(RESOURCES, BODIES | POD_WRITES, st.sampled_from(["", "", "exec", "status"]))
"""Records of audit events as plain values."""

ROWED = (
    _event(st.just("pods"), POD_WRITES, st.just(""))
    | _event(st.just("clusterroles"), ROLE_WRITES, st.just(""))
    | _event(st.just("pods"), BODIES, st.just("exec"))
)
"""Such records that mostly have rows of the views of pods, grants or commands."""

# Rules. They are public ones, so that a field that no event has, or a value of another type, is
# no error; both evaluators must answer it.

TEXT_FIELDS = [
    *("verb", "userAgent", "requestURI", "user.username", "objectRef.name", "objectRef.namespace"),
    *("objectRef.subresource", "objectRef.resource", "level", "outcome", "actor.name"),
    *("actor.kind", "resource", "client.family", "object.ref", "source.class", "request.path"),
    *("annotations.authorization.k8s.io/decision", "annotations.authorization.k8s.io/reason"),
]
LIST_FIELDS = [
    *("user.groups", "sourceIPs", "user.extra.authentication.kubernetes.io/pod-name"),
    *("source.addresses", "actor.groups"),
]
BODY_FIELDS = [
    *("requestObject.spec.containers.image", "requestObject.metadata.labels.app"),
    *("requestObject.name", "requestObject.kind", "requestObject.spec.replicas", "hostPath"),
    *("requestObject.spec.hostNetwork", "requestObject.rules.verbs", "responseObject.status.phase"),
]
NUMBER_FIELDS = ["responseStatus.code", "requestObject.spec.replicas", "requestObject.name"]
TRUTH_FIELDS = ["controller_child", "source.any_public", "requestObject.spec.hostNetwork"]
ADDRESS_FIELDS = ["sourceIPs", "source.address", "source.addresses", "userAgent"]
TIME_FIELDS = ["requestReceivedTimestamp", "stageTimestamp", "userAgent"]
RELATED = [
    *("user.username", "actor.name", "objectRef.resource", "resource", "object.ref", "hostPath"),
    *("sourceIPs", "source.address", "objectRef.name", "objectRef.namespace", "requestURI"),
    *("user.groups", "actor.groups", "requestObject.name", "responseStatus.code"),
]
"""Fields that may well have a value in common."""

ROW_FIELDS = {
    "": ["userAgent"],
    "container": ["container.name", "container.image", "container.privileged", "pod.name"],
    "volume": ["volume.type", "volume.path", "pod.host_network"],
    "grant": ["grant.verbs", "grant.resources", "role.name"],
    "command": ["command.words", "command.text", "command.stdin", "command.word"],
}

PIECES = st.sampled_from(
    [
        *("a", "web", "get", "list", "kube", "system", "admin", "pods", "secrets", "linux", "sh"),
        *("*", "*", "?", r"\*", r"\?", "\\", r"\\", ":", "-", "/", ".", "%", "[", "É", "", " -c"),
        *("nginx", "forbid", "allow", "human", "ok", "10.", "kubelet", "v1", "Helm", "KUBE"),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=3).map("".join)
WORDS = st.sampled_from(
    ["web", "get", "pods", "kube-system", "*", "**", "a", "a*", "?", "", "allow"]
)
PATTERNS = st.sampled_from(
    [
        *("^web$", "b+", "[a-z]+/v[0-9]", "^$", "a|b", "(sys|web)", "system:.*:n1", r"\*", "."),
        *("^KUBE", "x$", r"pods/[^/]+$", "[$]", r"\$", "[^a]*$"),
    ]
)
NETWORKS = st.sampled_from(["10.0.0.0/8", "198.51.100.7/32", "2001:db8::/32", "0.0.0.0/0", "::/0"])
VALUES = TEXTS | WORDS | st.none() | st.booleans() | st.sampled_from([0, 1, 2.5, 200, 403])


def _some(values: Any) -> Any:
    return values | st.lists(values, min_size=1, max_size=3)


def _keys(fields: list[str], *modifiers: str) -> Any:
    return st.tuples(st.sampled_from(fields), st.sampled_from(modifiers)).map("".join)


def _items(view: str) -> Any:
    """One test: a key with modifiers, and its values."""
    texts = [*TEXT_FIELDS, *LIST_FIELDS, *BODY_FIELDS, *ROW_FIELDS[view] * 4]
    plain = [*texts, *NUMBER_FIELDS, *TRUTH_FIELDS]
    anchors = [
        mixed
        for anchor in ("|contains", "|startswith", "|endswith")
        for mixed in (anchor, f"{anchor}|all", f"{anchor}|cased", f"|cased{anchor}|neq")
    ]
    encodings = [
        "|base64",
        "|base64offset|contains",
        "|wide",
        "|utf16le|base64",
        "|utf16",
        "|windash",
    ]
    asciis = st.text("abcpingsh -/", min_size=1, max_size=6)
    times = {
        "hour": [0, 10, 23],
        "minute": [0, 5, 30],
        "day": [1, 20],
        "week": [1, 47],
        "year": [2026],
    }
    return st.one_of(
        st.tuples(_keys(plain, "", "", "", "|neq", "|all", "|all|neq"), _some(VALUES)),
        st.tuples(_keys(texts, *anchors, "|cased", "|cased|neq"), _some(TEXTS | WORDS)),
        st.tuples(_keys(texts, "|re", "|re|i", "|re|s|m", "|re|neq", "|re|all"), _some(PATTERNS)),
        st.tuples(_keys(plain, "|exists", "|exists|neq"), st.booleans()),
        st.tuples(
            _keys(NUMBER_FIELDS, "|lt", "|lte", "|gt", "|gte", "|gte|neq", "|lt|all"),
            _some(st.sampled_from([0, 1, 2.5, 200, 201, 403])),
        ),
        st.tuples(_keys(ADDRESS_FIELDS, "|cidr", "|cidr|neq", "|cidr|all"), _some(NETWORKS)),
        st.sampled_from(sorted(times)).flatmap(
            lambda part: st.tuples(
                _keys(TIME_FIELDS, f"|{part}"), _some(st.sampled_from(times[part]))
            )
        ),
        st.tuples(_keys(texts, *encodings), _some(asciis)),
        st.tuples(
            _keys(
                RELATED,
                *("|fieldref", "|fieldref|startswith", "|endswith|fieldref", "|fieldref|neq"),
                *("|fieldref|contains", "|fieldref|all"),
            ),
            _some(st.sampled_from(RELATED)),
        ),
        st.tuples(
            _keys(texts, "|expand", "|expand|contains", "|expand|neq", "|expand|all|startswith"),
            _some(st.sampled_from(["%names%", "%nothing%", r"x\%%names%", "%names%-%names%", "a"])),
        ),
    )


KEYWORDS = (
    _some(TEXTS | st.sampled_from([403, 10]))
    | st.lists(TEXTS, min_size=1, max_size=3).map(lambda words: {"|all": words})
    | PATTERNS.map(lambda pattern: {"|re": pattern})
)


def _selections(view: str) -> Any:
    item = _short(_items(view))
    maps = item.map(lambda one: dict([one])) | st.lists(item, min_size=1, max_size=2).map(dict)
    nested = st.recursive(
        maps | TEXTS, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=4
    )
    return _short(maps | maps | nested | KEYWORDS)


SELECTION_NAMES = ["a", "b-1", "sel_x", "sel_y", "_hidden"]
COUNTED = [
    *("1 of them", "all of them", "2 of them", "3 of them", "any of sel_*", "all of sel*"),
    *("1 of *_y", "1 of _*", "2 of sel_*"),
]
CONDITIONS = _short(
    st.recursive(
        st.sampled_from(SELECTION_NAMES + COUNTED),
        lambda inner: (
            inner.map(lambda one: f"not {one}" if " " not in one else f"not ({one})")
            | st.lists(inner, min_size=2, max_size=3).map(" and ".join)
            | st.lists(inner, min_size=2, max_size=3).map(" or ".join)
            | inner.map(lambda one: f"({one})")
            | inner.map(lambda one: f"not not {one}")
        ),
        max_leaves=5,
    )
)


def _rule(view: str, detection: Any) -> dict[str, Any]:
    source = {"product": "kubernetes", "service": "audit"}
    return {
        "title": "Invented",
        "logsource": {**source, "category": view} if view else source,
        "detection": detection,
    }


def _tests(view: str) -> Any:
    return _short(_items(view)).map(lambda one: _rule(view, {"s": dict([one]), "condition": "s"}))


def _rules(view: str) -> Any:
    selections = dict.fromkeys(SELECTION_NAMES, _selections(view))
    detections = st.fixed_dictionaries(selections | {"condition": _some(CONDITIONS)})
    return detections.map(lambda detection: _rule(view, detection))


def _conditioned(condition: Any) -> dict[str, Any]:
    tests = {name: {f"requestObject.{name}": True} for name in SELECTION_NAMES}
    return _rule("", {**tests, "condition": condition})


TESTS = st.one_of(*map(_tests, ROW_FIELDS))
"""Public rules of all views with a single test each, so that nothing hides its answer."""

CONDITIONED = _some(CONDITIONS).map(_conditioned)
"""Rules whose selections hold for requests that have the selection's name in their body."""

RULES = st.one_of(*map(_rules, ROW_FIELDS))
"""Public rules of all views, with every construct in every place."""

LISTS = {"names": ["web", "sys*", "get", "É"], "nothing": []}
"""The lists that their placeholders name."""

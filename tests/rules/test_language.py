"""Every row of docs/sigma.md holds: its example, on events that match and on near misses."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.drafts import read_file
from ekswatch.rules.compiler.errors import Report, RuleErrors
from ekswatch.rules.matcher.engine import Engine
from tests.rules import build, naive

PAGE = Path(__file__).parents[2] / "docs" / "sigma.md"
ROW = re.compile(r'^\| <a id="(?P<id>[a-z0-9-]+)"></a>')
CELLS = re.compile(r"(?<!\\)\|")

LISTS = {"names": ["web", "db-*", "team-a"], "nothing": []}
SELECTIONS = ("a", "b", "c", "sel_x", "sel_y", "_hidden")

Fields = Mapping[str, Any]
"""Of an audit event, beside those that every event of the tests has."""


def examples(section: str | None = None) -> dict[str, str]:
    """The example of each row by its ID, of one section or of all."""
    found: dict[str, str] = {}
    heading = ""
    for line in PAGE.read_text().splitlines():
        heading = line[3:] if line.startswith("## ") else heading
        if (row := ROW.match(line)) and section in (None, heading):
            assert row["id"] not in found
            example = re.search(r"`(.+)`", CELLS.split(line)[2])
            assert example, line
            found[row["id"]] = example[1].replace(r"\|", "|")
    return found


@dataclass(frozen=True, slots=True)
class Case:
    """Events that an example must match, and near misses that it must not."""

    match: tuple[Fields, ...]
    miss: tuple[Fields, ...]
    view: str = ""


def case(match: list[Fields], miss: list[Fields], view: str = "") -> Case:
    return Case(tuple(match), tuple(miss), view)


def x(*values: Any) -> list[Fields]:
    """Events whose request body has `x` as given."""
    return [{"requestObject": {"x": value}} for value in values]


def body(**fields: Any) -> Fields:
    return {"requestObject": fields}


def verb(*verbs: str) -> list[Fields]:
    return [{"verb": each} for each in verbs]


def named(*names: str) -> list[Fields]:
    return [{"objectRef": {"resource": "pods", "name": each}} for each in names]


def agent(*agents: str) -> list[Fields]:
    return [{"userAgent": each} for each in agents]


def code(*codes: int) -> list[Fields]:
    return [{"responseStatus": {"code": each}} for each in codes]


def groups(*groups: list[str]) -> list[Fields]:
    return [{"user": {"username": "u", "groups": each}} for each in groups]


def uri(*uris: str) -> list[Fields]:
    return [{"requestURI": each} for each in uris]


def at(*times: str) -> list[Fields]:
    return [{"requestReceivedTimestamp": each} for each in times]


def source(*addresses: str) -> list[Fields]:
    return [{"sourceIPs": [each]} for each in addresses]


def account(namespace: str, name: str, /, **ref: str) -> Fields:
    """A service account, and the object it asks for."""
    return {
        "user": {"username": f"system:serviceaccount:{namespace}:{name}"},
        "objectRef": {"resource": "pods", **ref},
    }


def holding(*selections: str) -> Fields:
    """An event for which these of the selections `a`, `b`, `c`... hold."""
    return body(**dict.fromkeys(selections, True))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def container(*containers: Fields) -> Fields:
    pod = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": list(containers)}}
    return {
        "verb": "create",
        "objectRef": {"resource": "pods"},
        "responseStatus": {"code": 201},
        "requestObject": pod,
    }


PRIVILEGED = {"securityContext": {"privileged": True}}
ABSENT: list[Fields] = [{}]

CASES: dict[str, Case] = {
    # values
    "text": case(verb("get", "GET"), verb("list", "gets")),
    "star": case(named("web-1", "web-", "web-a\nb"), named("web", "a-web-1")),
    "question-mark": case(named("web-1"), named("web-", "web-12")),
    "lone-star": case([*named("web")], [{"objectRef": {"resource": "pods"}}, *ABSENT]),
    "escaped-star": case(
        [body(rules=[{"verbs": ["*"]}]), body(rules=[{"verbs": ["get"]}, {"verbs": ["a", "*"]}])],
        [body(rules=[{"verbs": ["get", "**"]}])],
    ),
    "escaped-question-mark": case(uri("/version?timeout=5s"), uri("/version/timeout=5s")),
    "backslash": case(x(r"C:\run\now"), x(r"C:\run\\now", "C:runnow")),
    "backslash-star": case(x(r"C:\run", "C:\\"), x("C:run", "C:*")),
    "backslash-escaped-star": case(x(r"C:\*"), x(r"C:\run", "C:*")),
    "percent": case(uri("/a?command=%2Fbin%2Fsh"), uri("/a?command=/bin/sh")),
    "number": case(code(403), code(404, 40)),
    "quoted-number": case(x("3"), x(3, "3.0")),
    "boolean": case(x(True), x(False, "true", 1)),
    "null": case(
        [*ABSENT, {"objectRef": {"resource": "pods", "subresource": ""}}],
        [{"objectRef": {"resource": "pods", "subresource": "exec"}}],
    ),
    "empty-text": case([*x("", None), *ABSENT], x(" ", 0, False)),
    "list": case(verb("get", "list"), verb("watch")),
    "list-with-null": case(
        [{"objectRef": {"namespace": "kube-system"}}, *ABSENT],
        [{"objectRef": {"namespace": "payments"}}],
    ),
    "mixed-list": case(x(5, "five", True, 5.0), x("5", 1, "true")),
    "list-field": case(
        groups(["dev", "system:masters"], ["system:masters"]), groups(["system:master"], [])
    ),
    # text
    "contains": case(agent("curl/8.1", "my CURL"), agent("cur/l", "")),
    "startswith": case(named("kube-proxy", "Kube-"), named("a-kube-proxy", "kube")),
    "endswith": case([account("a", "default")], [account("a", "default2")]),
    "wildcard-and-modifier": case(agent("kubelet/v1.32", "kube/v1."), agent("kubelet/v2.1")),
    "cased": case(agent("Helm"), agent("helm", "Helm/3")),
    "cased-combined": case(agent("a Go-http-client"), agent("a go-http-client")),
    "all": case(agent("a (AMD64; linux)"), agent("a (linux/arm64)", "amd64")),
    "all-on-list-field": case(groups(["ops", "dev"]), groups(["dev"], ["dev ops"])),
    "windash": case(
        x("sh -c id", "sh /c id", "sh \N{EN DASH}c", "a \N{EM DASH}c"), x("sh c", "sh _c", "sh-c")
    ),
    "re": case(named("a-web-12-b"), named("WEB-12", "web-")),
    "re-anchored": case(named("web-12"), named("web-12-b", "a-web-1", "web-1\n")),
    "re-i": case(agent("HELM/3", "helm/3"), agent("a helm/3")),
    "re-m": case(x("a\nb\nc", "b"), x("a\nbc")),
    "re-s": case(x("a\nb", "a-b"), x("ab")),
    "re-long-flags": case(x("a\nb\nc"), x("a\nb-\nc")),
    "neq": case([*verb("list"), {"verb": ""}], verb("get", "GET")),
    "neq-list": case(verb("watch"), verb("get", "list")),
    "neq-all": case(groups(["dev"], []), groups(["dev", "ops", "a"])),
    "neq-on-list-field": case(groups(["ops"], []), groups(["ops", "dev"])),
    "neq-combined": case(agent("helm/3", ""), agent("kubectl/v1")),
    # encodings
    "base64": case(x("Zm9vYmFy", "zm9vymfy"), x("Zm9vYmF", "foobar")),
    "base64-cased": case(x("Zm9vYmFy"), x("zm9vymfy")),
    "base64offset": case(
        x(*(encoded(b"a" * shift + b"/bin/sh -i") for shift in range(6))),
        x(encoded(b"/bin/zsh -i"), "/bin/sh"),
    ),
    "wide": case(
        x(*(encoded(b"a" * shift + "ping x".encode("utf-16le")) for shift in range(3))),
        x(encoded(b"ping x"), encoded("pong".encode("utf-16le"))),
    ),
    "wide-alone": case(x("a\0b\0"), x("ab", "\0a\0b")),
    "utf16le": case(x(encoded("a ping".encode("utf-16le"))), x(encoded(b"a ping"))),
    "utf16be": case(x(encoded("ab".encode("utf-16be"))), x(encoded("ab".encode("utf-16le")))),
    "utf16": case(
        x(encoded(b"\xff\xfe" + "ab".encode("utf-16le"))), x(encoded("ab".encode("utf-16le")))
    ),
    # numbers, times, addresses
    "lt": case(code(399), code(400)),
    "lte": case(code(400), code(401)),
    "gt": case(code(401), code(400)),
    "gte": case(x(2.5, 3), x(2.4, "3", True)),
    "neq-number": case([*code(201), *ABSENT], code(200)),
    "minute": case(
        at("2026-11-20T10:30:59.9Z", "2026-11-20T15:00:00+05:30"),
        at("2026-11-20T10:29:59Z", "30", "2026-11-20T15:30:00+05:30"),
    ),
    "hour": case(
        at("2026-11-20T23:00:00Z"), at("2026-11-20T21:59:59Z", "2026-11-20T23:00:00+05:00")
    ),
    "day": case(at("2026-11-20T10:00:00Z"), at("2026-11-21T10:00:00Z")),
    "week": case(at("2026-12-31T10:00:00Z", "2027-01-01T10:00:00Z"), at("2027-01-04T10:00:00Z")),
    "month": case(at("2026-11-30T23:59:59Z"), at("2026-12-01T00:00:00Z")),
    "year": case(at("2026-01-01T00:00:00Z"), at("2025-12-31T23:59:59Z")),
    "cidr": case(source("10.255.255.255"), source("11.0.0.0", "10.1", "x", "2001:db8::1")),
    "cidr-ipv6": case(source("2001:db8:ffff::1", "2001:DB8::1"), source("2001:db9::1", "10.0.0.1")),
    "cidr-list": case(
        [*source("10.1.1.1"), {"sourceIPs": ["2001:db8::1", "198.51.100.7"]}],
        source("198.51.100.7"),
    ),
    # fields
    "exists": case([{"impersonatedUser": {"username": "u"}}], [*ABSENT, {"impersonatedUser": {}}]),
    "exists-not": case(named("web"), [{"objectRef": {"resource": "pods", "subresource": "log"}}]),
    "annotation-key": case(
        [{"annotations": {"authorization.k8s.io/decision": "forbid"}}],
        [
            {"annotations": {"authorization.k8s.io/decision": "allow"}},
            {"annotations": {"decision": "forbid"}},
        ],
    ),
    "label-key": case(
        [body(metadata={"labels": {"app.kubernetes.io/name": "web"}})],
        [body(metadata={"labels": {"name": "web"}})],
    ),
    "user-extra-key": case(
        [{"user": {"extra": {"authentication.kubernetes.io/pod-name": ["a", "web"]}}}],
        [{"user": {"extra": {"authentication.kubernetes.io/pod-name": ["a"]}}}],
    ),
    "array-path": case(
        [body(spec={"containers": [{"image": "a"}, {"image": "nginx:1"}]})],
        [body(spec={"containers": [{"name": "nginx"}]}), body(spec={"containers": []})],
    ),
    "row": case(
        [container({"name": "a"}, {"name": "web", **PRIVILEGED})],
        [container({"name": "web"}, {"name": "a", **PRIVILEGED})],
        view="container",
    ),
    "fieldref": case(
        [account("payments", "x", namespace="Payments")],
        [account("payments", "x", namespace="web"), account("payments", "x"), *ABSENT],
    ),
    "fieldref-list": case(
        [account("web", "x", namespace="web"), account("web", "x", namespace="a", name="web")],
        [account("web", "x", namespace="a", name="b")],
    ),
    "fieldref-startswith": case(
        [account("a", "web", name="Web-1")], [account("a", "web", name="a-web"), *named("web")]
    ),
    "fieldref-endswith": case(
        [account("a", "web", name="b")], [account("a", "web", name="we"), *ABSENT]
    ),
    "fieldref-contains": case(
        [account("a-prod", "web", namespace="PROD")], [account("a", "web", namespace="prod")]
    ),
    "fieldref-neq": case(
        [account("a", "x", namespace="b"), *ABSENT], [account("a", "x", namespace="a")]
    ),
    # placeholders
    "expand": case(named("web", "db-1", "TEAM-A"), named("web-1", "db")),
    "expand-inside": case(
        [account("web", "x"), account("db-1", "x")], [account("a", "web"), account("webb", "x")]
    ),
    "expand-combined": case(named("web-1", "db-1", "team-a1"), named("a-web")),
    "expand-beside": case(named("other", "web"), named("others")),
    "expand-percent": case(uri("/100%/web", "/100%/db-1"), uri(r"/100\%/web", "/100%/x")),
    "expand-empty": case([], [*named("web", "%nothing%", ""), *ABSENT]),
    "expand-empty-neq": case([*named("web"), *ABSENT], []),
    # selections
    "map": case(
        [{"verb": "get", "objectRef": {"resource": "secrets"}}],
        [{"verb": "get", "objectRef": {"resource": "pods"}}, *verb("get")],
    ),
    "list-of-maps": case(
        [{"verb": "get", "level": "Request"}, *verb("list")], [{"verb": "get", "level": "Metadata"}]
    ),
    "list-of-lists": case(verb("get", "list", "watch"), verb("create")),
    "map-and-keyword": case([*verb("delete"), *agent("curl/8")], [*verb("get"), *agent("wget")]),
    "keyword": case(
        [*agent("CURL/8"), *named("my-curl"), *uri("/curl")],
        [*agent("cur"), {"verb": "get", "requestObject": {"x": "curl"}}],
    ),
    "keywords": case([*agent("wget/1"), *named("curl")], [*agent("helm")]),
    "keyword-number": case(named("web-8080"), [*named("web-808"), *code(8080)]),
    "keyword-wildcard": case(agent("a curl/8.1"), agent("curl/10.1", "curl8.")),
    "keywords-all": case(
        [{"userAgent": "curl", "objectRef": {"resource": "pods", "namespace": "payments"}}],
        [*agent("curl"), {"objectRef": {"resource": "pods", "namespace": "payments"}}],
    ),
    "keyword-modifier": case(agent("curl/8"), agent("a curl/8", "Curl/8")),
    # conditions
    "and": case([holding("a", "b")], [holding("a"), holding("b"), holding()]),
    "or": case([holding("a"), holding("b"), holding("a", "b")], [holding("c")]),
    "not": case([holding("a"), holding("a", "c")], [holding("a", "b"), holding()]),
    "precedence": case(
        [holding("a"), holding("a", "c"), holding("b")], [holding("b", "c"), holding()]
    ),
    "parentheses": case([holding("a"), holding("a", "b")], [holding("b"), holding("a", "c")]),
    "one-of-pattern": case([holding("sel_x"), holding("sel_y")], [holding("a", "b", "c")]),
    "any-of": case([holding("sel_x")], [holding("sel_y", "a")]),
    "all-of-pattern": case([holding("sel_x", "sel_y")], [holding("sel_x"), holding("sel_y", "a")]),
    "one-of-them": case([holding("c")], [holding(), holding("_hidden")]),
    "all-of-them": case(
        [holding("a", "b", "c", "sel_x", "sel_y")], [holding("a", "b", "c", "sel_x", "_hidden")]
    ),
    "hidden": case([holding("_hidden")], [holding("a", "b", "c", "sel_x", "sel_y")]),
    "number-of": case(
        [holding("a", "sel_y"), holding("a", "b", "c")], [holding("a"), holding("a", "_hidden")]
    ),
    "condition-list": case([holding("a", "b"), holding("c")], [holding("a"), holding("b")]),
}


def detection(example: str) -> dict[str, Any]:
    """The detection section that an example of a selection or a condition stands for."""
    read = yaml.safe_load(example)
    if isinstance(read, dict) and "condition" in read:
        tests = {name: {f"requestObject.{name}": True} for name in SELECTIONS}
        return {**tests, **read}
    return {"s": read, "condition": "s"}


def write_lists(folder: Path) -> None:
    for name, entries in LISTS.items():
        build.values(folder, name, entries)


def judge(folder: Path, name: str = "rule") -> Callable[[Fields], tuple[bool, bool]]:
    """Says of an event whether the engine finds it, and whether the plain evaluator does."""
    engine = Engine(compile_ruleset(folder))
    plain = next(rule for rule in naive.load(folder)[0] if rule.name == name)

    def found(fields: Fields) -> tuple[bool, bool]:
        event = build.event(**fields)
        documents = {match.document for match in engine.match([event])}
        assert not engine.errors
        return name in documents, plain.count(event) > 0

    return found


def evaluated() -> dict[str, str]:
    apart = {*examples("Public rules"), *examples("Refused")}
    return {name: text for name, text in examples().items() if name not in apart}


@pytest.mark.parametrize("name", evaluated())
def test_a_construct_means_what_the_page_says(tmp_path: Path, name: str) -> None:
    """An example matches its events and not its near misses, however it is evaluated."""
    write_lists(tmp_path)
    section = detection(examples()[name])
    build.detection(tmp_path, build.document("rule", section, view=CASES[name].view))

    found = judge(tmp_path)

    assert [each for each in CASES[name].match if found(each) != (True, True)] == []
    assert [each for each in CASES[name].miss if found(each) != (False, False)] == []


def test_the_page_has_a_row_for_every_case() -> None:
    """Rows and cases belong together, and each case has events of both kinds."""
    assert evaluated().keys() == CASES.keys()
    assert examples("Public rules").keys() == PUBLIC.keys()
    assert examples("Refused").keys() == REFUSED.keys()
    assert [n for n, c in CASES.items() if not c.match] == ["expand-empty"]
    assert [n for n, c in CASES.items() if not c.miss] == ["expand-empty-neq"]


@dataclass(frozen=True, slots=True)
class PublicCase:
    """What the public rule with an example's keys matches, and part of its one warning."""

    match: tuple[Fields, ...]
    miss: tuple[Fields, ...]
    warning: str = ""


def secrets(verb: str = "get", **ref: str) -> Fields:
    return {"verb": verb, "objectRef": {"resource": "secrets", **ref}}


SECRETS = PublicCase((secrets(), secrets("list")), (*named("web"),))

PUBLIC: dict[str, PublicCase] = {
    "public-plain": SECRETS,
    "public-category": SECRETS,
    "public-name": SECRETS,
    "public-level": SECRETS,
    "public-custom-key": SECRETS,
    "public-unknown-field": PublicCase(SECRETS.match, SECRETS.miss, "unknown field 'hostPath'"),
    "public-wrong-type": PublicCase(
        SECRETS.match, tuple(code(200, 403)), "responseStatus.code is a number, it never matches"
    ),
    "public-impossible": PublicCase(
        (secrets(),), (secrets("list"), *verb("get")), "verb is never 'replace'"
    ),
    "public-placeholder": PublicCase(
        (secrets(name="%names%"),), (secrets(name="web"),), "needs the modifier |expand"
    ),
    "public-fields": PublicCase(SECRETS.match, SECRETS.miss, "unknown field 'CommandLine'"),
}


def public_rule() -> dict[str, Any]:
    """The rule that the page shows."""
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block
    return dict(yaml.safe_load(block[1]))


def write_public(folder: Path, example: str) -> Path:
    rule = {**public_rule(), **yaml.safe_load(example)}
    return build.write(folder / "any" / "where" / "rule.yml", rule)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_rule_loads_unchanged(tmp_path: Path, name: str) -> None:
    """A rule written for any tool matches what it can; what it cannot is a warning."""
    write_lists(tmp_path)
    path = write_public(tmp_path, examples()[name])
    called = yaml.safe_load(path.read_text()).get("name", "rule")
    expected = PUBLIC[name]

    file = read_file(path, {}, Report(path))

    assert file is not None
    assert [warning.level for warning in file.warnings] == ["warning"] * bool(expected.warning)
    assert all(expected.warning in warning.message for warning in file.warnings)
    found = judge(tmp_path, called)
    assert [each for each in expected.match if found(each) != (True, True)] == []
    assert [each for each in expected.miss if found(each) != (False, False)] == []


def test_what_a_public_rule_does_not_state_has_a_default(tmp_path: Path) -> None:
    """Title and file name stand in for what the other keys would say."""
    write_public(tmp_path, "{}")

    (made,) = compile_ruleset(tmp_path).detections

    assert (made.slug, made.title, made.description) == ("rule", "Secret read", "Secret read")
    assert made.message == "{actor.name}: Secret read"
    assert made.severity.name == "MEDIUM"


def test_what_a_public_rule_states_is_kept(tmp_path: Path) -> None:
    """A stated level is the severity, a known sample field is sampled, the file names it."""
    write_public(tmp_path, "{level: high, name: other, fields: [objectRef.name, CommandLine]}")

    ruleset = compile_ruleset(tmp_path)

    (made,) = ruleset.detections
    assert (made.slug, made.severity.name, made.fields) == ("rule", "HIGH", ("objectRef.name",))
    assert [rule.name for rule in ruleset.rules] == ["other"]


def test_a_title_is_no_template(tmp_path: Path) -> None:
    """Braces in a public rule's title are text, so that no field is looked for."""
    write_public(tmp_path, "{title: 'Use of {verb}'}")

    assert compile_ruleset(tmp_path).detections[0].message == "{actor.name}: Use of (verb)"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"hostPath": "*"}, False),
        ({"hostPath": None}, True),
        ({"hostPath": ""}, True),
        ({"hostPath|exists": False}, True),
        ({"hostPath|exists": True}, False),
        ({"hostPath|neq": "/"}, True),
        ({"hostPath|gte": 1}, False),
        ({"hostPath|fieldref": "verb"}, False),
        ({"verb|fieldref": "hostPath"}, False),
        ({"verb|fieldref|neq": "hostPath"}, True),
        ([{"hostPath": "*"}, {"verb": "get"}], True),
        ([{"hostPath": "*"}, {"verb": "list"}], False),
        ({"hostPath|contains|all": ["a", "b"], "verb": "get"}, False),
    ],
)
def test_a_field_that_no_event_has_is_absent(tmp_path: Path, test: Any, expected: bool) -> None:
    """In a public rule each test of an unknown field answers as for an absent one."""
    rule = {**public_rule(), "detection": {"s": test, "condition": "s"}}
    build.write(tmp_path / "rule.yml", rule)

    assert judge(tmp_path)({"verb": "get"}) == (expected, expected)


@pytest.mark.parametrize("key", ["mimetype", "simulation", "x-owner", "regression_tests_path"])
def test_keys_of_others_are_not_ours_to_judge(tmp_path: Path, key: str) -> None:
    """A public rule may carry keys that the specification does not have."""
    path = write_public(tmp_path, yaml.safe_dump({key: "x"}))
    report = Report(path)

    assert read_file(path, {}, report) is not None
    assert (report.errors, report.warnings) == ([], [])


def test_a_public_file_may_have_several_documents_without_names(tmp_path: Path) -> None:
    """Documents after the first are called like the file, with their number."""
    second = {**public_rule(), "title": "Second", "custom": 1}
    build.write(tmp_path / "rule.yml", public_rule(), second)

    assert [rule.name for rule in compile_ruleset(tmp_path).rules] == ["rule", "rule-2"]


@pytest.mark.parametrize(("unknown", "warned"), [(100, 100), (101, 100)])
def test_warnings_of_a_file_are_bounded(tmp_path: Path, unknown: int, warned: int) -> None:
    """A hundred unknown fields are named, more are not, and the rule loads all the same."""
    test = {f"nothing{number}": 1 for number in range(unknown)}
    rule = {**public_rule(), "detection": {"s": test, "condition": "s"}}
    path = build.write(tmp_path / "rule.yml", rule)

    file = read_file(path, {}, Report(path))

    assert file is not None
    assert len(file.warnings) == warned


def test_a_detection_of_our_own_has_no_warnings(tmp_path: Path) -> None:
    """With the attribute `ekswatch` what would stay silent is an error."""
    write_public(tmp_path, "{ekswatch: {message: m}, detection: {s: {a: b}, condition: s}}")

    with pytest.raises(RuleErrors) as raised:
        compile_ruleset(tmp_path)

    assert "unknown field 'a'" in str(raised.value)


REFUSED: dict[str, str] = {
    "refused-unknown-modifier": "unknown modifier 'contians'; did you mean 'contains'?",
    "refused-no-values": "an empty list of values; write null for an absent field",
    "refused-nested-field": "a field inside another is written with a dot",
    "refused-placeholder": "a placeholder needs the modifier |expand",
    "refused-unknown-list": "there is no list 'unknown'",
    "refused-look-around": "Regular expression 'a(?=b)' is invalid",
    "refused-anchored-pattern": "|re finds its pattern anywhere in the value: use ^ and $",
    "refused-flag": "|i is a flag of |re",
    "refused-early-flag": "flags stand behind |re",
    "refused-combination": "|cidr and |contains do not combine",
    "refused-network": "has host bits set",
    "refused-comparison": "|gte is incompatible with '400': it needs a number",
    "refused-minute": "|minute is incompatible with 60: it needs a whole number from 0 to 59",
    "refused-exists": "|exists is incompatible with 'yes': it needs true or false",
    "refused-number-as-text": "|contains is incompatible with 1.3: it needs text",
    "refused-encoded-wildcard": "Base64 encoding of strings with wildcards is not allowed",
    "refused-wide-text": "Wide modifier only allowed for ascii strings",
    "refused-dashes": "windash modifier expands at most three dash occurrences",
    "refused-keyword-null": "a keyword must be text or a number",
    "refused-keyword-comparison": "|gte needs a field",
    "refused-aggregation": "aggregations behind a '|' are no longer part of Sigma",
    "refused-timeframe": "'timeframe' is no longer part of Sigma: write a correlation",
    "refused-selection": "there is no selection 'd'",
    "refused-pattern": "no selection is called 'x_*'",
    "refused-quantity": "'3 of sel_*' never holds: it means 2",
    "refused-upper-case": "'and' or 'or' is missing before 'AND'; write 'and'",
    "refused-unfinished": "a selection is missing at the end",
    "refused-parenthesis": "a ')' is missing",
    "refused-misspelt-key": "unknown key 'falsepositive'; did you mean 'falsepositives'?",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    """What would mean nothing, or two things, is an error that says so, of own and public rules."""
    write_lists(tmp_path)
    example = examples()[name]
    own = build.document("own", detection(example))
    public = {**public_rule(), "detection": detection(example)}
    if name == "refused-misspelt-key":
        own = build.document("own", {"s": {"verb": "get"}, "condition": "s"})
        own, public = {**own, **yaml.safe_load(example)}, public_rule() | yaml.safe_load(example)
    build.detection(tmp_path, own)
    build.write(tmp_path / "public.yml", public)

    with pytest.raises(RuleErrors) as raised:
        compile_ruleset(tmp_path)

    files = {Path(error.file).stem for error in raised.value.errors}
    assert files == ({"own"} if name == "refused-placeholder" else {"own", "public"})
    assert all(REFUSED[name] in error.message for error in raised.value.errors)

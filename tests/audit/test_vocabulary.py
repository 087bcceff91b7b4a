"""The vocabulary: names, readers, families."""

from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.views import VIEWS
from ekswatch.audit.vocabulary import EVENT, FIELDS, SUMMARY, is_header, lookup, reader
from tests.audit.examples import attack, event, made

POD = attack("priv_pod_apply", verb="create")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("verb", "create"),
        ("user.username", "arn:aws:sts::111122223333:assumed-role/dev-web/carol"),
        ("user.extra.sessionName", ("carol",)),
        ("user.extra.sigs.k8s.io/aws-iam-authenticator/principalId", ("AROA19BDD3157645534AA",)),
        ("user.extra.nothing", None),
        ("impersonatedUser.username", None),
        ("objectRef.subresource", None),
        ("responseStatus.code", 201),
        ("annotations.authorization.k8s.io/decision", "allow"),
        ("annotations.nothing", None),
        ("actor.kind", "human"),
        ("requestObject.kind", "Pod"),
        ("requestObject.spec.restartPolicy", "Always"),
        ("requestObject.spec.terminationGracePeriodSeconds", 30),
        ("requestObject.spec.enableServiceLinks", True),
        ("requestObject.spec.containers.name", ("shell",)),
        ("requestObject.spec.containers.command", ("sh", "-c", "sleep 1d")),
        ("requestObject.spec.containers.securityContext.privileged", ("true",)),
        ("requestObject.spec.containers.resources", ("requests",)),
        ("requestObject.spec.containers.nothing", None),
        ("requestObject.spec.securityContext", ()),
        ("requestObject.metadata.creationTimestamp", None),
        ("requestObject.kind.more", None),
        ("responseObject.metadata.namespace", "web"),
    ],
)
def test_a_field_reads_a_real_event(field: str, expected: Value) -> None:
    """Header fields, extras, annotations and paths into bodies."""
    assert reader(field)(event(POD)) == expected


def test_the_rest_of_a_path_below_annotations_is_one_key() -> None:
    """Keys of annotations and labels have dots of their own."""
    given = made(
        requestObject={"metadata": {"labels": {"a.b/c": "x"}, "annotations": {"d.e": "y"}}}
    )

    assert reader("requestObject.metadata.labels.a.b/c")(given) == "x"
    assert reader("requestObject.metadata.annotations.d.e")(given) == "y"


def test_a_path_crosses_arrays_of_any_depth() -> None:
    """Any member counts, and members of other types are passed over."""
    given = made(requestObject=[{"path": "/a", "n": 1}, [[{"path": "/b", "n": None}]], 3, "x"])

    assert reader("requestObject.path")(given) == ("/a", "/b")
    assert reader("requestObject.n")(given) == ("1",)


@pytest.mark.parametrize(
    "field", ["", "nothing", "pod.kind", "annotations.", "requestObject", "user.extra"]
)
def test_an_unknown_field_is_refused(field: str) -> None:
    """A misspelt field is an error at build time, never a silent miss."""
    with pytest.raises(KeyError):
        reader(field)


class Untouchable(AuditEvent, frozen=True, dict=True):
    """An event whose bodies must not be decoded."""

    @property
    def request(self) -> Any:
        raise AssertionError("decoded the request")

    @property
    def response(self) -> Any:
        raise AssertionError("decoded the response")


def test_header_fields_never_decode_a_body() -> None:
    """An engine may index by a header field without paying for bodies."""
    given = Untouchable(verb="create", sourceIPs=("10.0.0.1",), requestURI="/api?a=b")
    header = [f for f in FIELDS.values() if f.header and f.read is not None]

    for field in header:
        field.read(given)  # type: ignore[misc]  # the filter above

    assert len(header) > 50
    assert is_header("annotations.a.b")
    assert is_header("user.extra.arn")
    assert not is_header("requestObject.kind")
    assert not is_header("object.ref")
    assert not is_header("nothing")


def test_every_field_belongs_to_known_views_and_has_a_type() -> None:
    """Generated documentation can rely on the table."""
    assert {view for f in FIELDS.values() for view in f.views} == set(VIEWS)
    assert {f.type for f in FIELDS.values()} == {"string", "strings", "int", "bool"}
    assert all(f.doc.endswith(".") for f in FIELDS.values())
    assert all((f.read is not None) == (f.view == EVENT and not f.prefix) for f in FIELDS.values())


@pytest.mark.parametrize(
    ("name", "view", "found"),
    [
        ("pod.labels.app.kubernetes.io/name", "container", "pod.labels.<key>"),
        ("pod.kind", "volume", "pod.kind"),
        ("pod.kind", "", None),
        ("verb", "webhook", "verb"),
        ("requestObject.spec.x", "", "requestObject.*"),
        ("role.name", "subject", "role.name"),
        ("role.name", "pod", None),
        ("pod.labels.", "pod", None),
        ("nonsense", "pod", None),
    ],
)
def test_a_view_knows_its_fields_and_the_events(name: str, view: str, found: str | None) -> None:
    """Fields of the event exist in every view, those of other views do not."""
    field = lookup(name, view)

    assert (field.name if field else None) == found


def test_the_summary_is_made_of_event_fields() -> None:
    """Every match can snapshot it, whatever its view."""
    assert all(reader(name) for name in SUMMARY)
    assert len(set(SUMMARY)) == len(SUMMARY)

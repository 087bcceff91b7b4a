"""A whole AWS on this machine: MiniStack, and moto's server for Security Hub, which it lacks.

Both listen on the loopback interface only. MiniStack checks signatures, IAM and resource
policies, and speaks TLS, because the stack's buckets and topic refuse anything else.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.processes import LOOPBACK, free_port, listening, running

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "e2e" / "bin" / "python"
"""MiniStack's interpreter, made by `make e2e`; the functions run with it as well."""
EMULATOR = Path(__file__).with_name("emulator.py")
ACCOUNT = "111122223333"
SECRET = "test"  # what MiniStack takes for the root user's
REGION = "eu-central-1"
START_SECONDS = 30
KEPT = ("HOME", "LANG", "PATH")
"""What the emulators get of this program's environment: no credential, no profile, no proxy."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where AWS is, for the CDK, the functions and this program alike."""

    aws: str
    security_hub: str
    certificate: Path

    def environment(self) -> dict[str, str]:
        """The variables that every AWS SDK reads. The account's root user signs with its ID."""
        return {
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": str(self.certificate),
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_ENDPOINT_URL_SECURITYHUB": self.security_hub,
        }

    def client(self, service: str) -> Any:
        """A client of this program, as the account's root user."""
        return _client(self, service)


@cache
def _client(endpoints: Endpoints, service: str) -> Any:
    session: Any = boto3.Session()
    return session.client(
        service,
        region_name=REGION,
        endpoint_url=endpoints.security_hub if service == "securityhub" else endpoints.aws,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=SECRET,
        verify=str(endpoints.certificate),
    )


Between = Callable[[Endpoints], AbstractContextManager[Endpoints]]
"""What stands between the functions and AWS: it is told where AWS is, and says where it is."""


@contextmanager
def local_aws(folder: Path, between: Between = nullcontext) -> Iterator[Endpoints]:
    """Start both emulators, with their logs and everything they write in `folder`.

    The functions find AWS where `between` says.
    Raises: RuntimeError when one does not start.
    """
    aws_port, hub_port = free_port(), free_port()
    endpoints = Endpoints(
        aws=f"https://{LOOPBACK}:{aws_port}",
        security_hub=f"http://{LOOPBACK}:{hub_port}",
        certificate=folder / "certificate.pem",
    )
    key = folder / "key.pem"
    write_certificate(endpoints.certificate, key)
    with ExitStack() as opened:
        told = opened.enter_context(between(endpoints))
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment = kept | told.environment() | _settings(folder, aws_port)
        hub = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(hub_port)]
        aws = [str(PYTHON), str(EMULATOR), "ministack.app:app"]
        aws += ["--bind", f"{LOOPBACK}:{aws_port}", "--keep-alive", "900"]
        aws += ["--certfile", str(endpoints.certificate), "--keyfile", str(key)]
        for name, port, command in (("moto", hub_port, hub), ("ministack", aws_port, aws)):
            log = folder / f"{name}.log"
            process = opened.enter_context(
                running(command, environment=environment, folder=folder, log=log)
            )
            listening(process, port, log=log, seconds=START_SECONDS)
        yield endpoints


def _settings(folder: Path, port: int) -> dict[str, str]:
    """What MiniStack and moto are told; the functions' processes inherit it."""
    return {
        "AUTH": "true",  # IAM, resource policies and signatures are checked
        "USE_SSL": "1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MOTO_ACCOUNT_ID": ACCOUNT,
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "INFO",
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
    }


def write_certificate(certificate: Path, key: Path) -> None:
    """Make a certificate for the loopback address that holds for a day, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ekswatch e2e")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address(LOOPBACK))
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key.touch(mode=0o600)
    key.write_bytes(secret)

"""The certificates of one embedded cluster: an authority of its own and all it signs.

Everything is written below one folder, keys readable by the owner only. The
authority is made anew for every state folder and trusted by nobody but the
cluster's own kubeconfig files.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIFETIME = dt.timedelta(days=3650)
"""How long certificates hold: a forgotten development cluster must still start."""

SKEW = dt.timedelta(hours=1)
"""How far into the past certificates begin, for clocks that are set back."""

SERVICE_RANGE = "10.96.0.0/16"
"""Addresses of services."""

SERVICE_ADDRESS = "10.96.0.1"
"""Address of the ``kubernetes`` service: the first of the service range."""

NODE_NAME = "node-0"
NODE_ADDRESS = "10.200.0.1"
"""Name and address of a real node; the address is in a network namespace of its own."""

SERVER_ADDRESSES = ("127.0.0.1", SERVICE_ADDRESS, NODE_ADDRESS)
"""Addresses that every server certificate holds for."""

API_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

SERVERS = {
    "kube-apiserver": API_SERVER_NAMES,
    "etcd": ("localhost",),
    "kubelet-server": (NODE_NAME,),
}
"""Server certificates by file name, and the names they hold for beside the addresses."""

CLIENTS = {
    "admin": ("storeorch:admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "kwok": ("storeorch:kwok", "system:masters"),
    "etcd-client": ("storeorch:etcd-client", None),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "kubelet-client": ("storeorch:kubelet-client", None),
    "kube-proxy": ("system:kube-proxy", None),
    "agent": ("storeorch:agent", None),
}
"""Client certificates by file name: user name and group, as Kubernetes reads them."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    scratch.replace(path)


class Pki:
    """The public key infrastructure in one folder.

    Args:
        folder: Where the files are, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def authority(self) -> Path:
        """The authority's certificate, PEM."""
        return self.folder / "ca.crt"

    @property
    def service_account_key(self) -> Path:
        """The RSA key that signs service account tokens, PEM."""
        return self.folder / "service-accounts.key"

    @property
    def service_account_public_key(self) -> Path:
        """The public half of the key that signs service account tokens, PEM."""
        return self.folder / "service-accounts.pub"

    def identity(self, name: str) -> Identity:
        """Return the certificate and key of that name.

        Args:
            name: A key of `SERVERS` or `CLIENTS`.
        """
        return Identity(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def ensure(self) -> None:
        """Create all that is missing; a complete folder is left as it is.

        Raises:
            OSError: The folder cannot be written.
        """
        # Written last, so its presence says that everything else is there.
        complete = self.folder / "complete"
        if complete.exists() and all(self.identity(n).key.exists() for n in (*SERVERS, *CLIENTS)):
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, certificate = _authority()
        self._write("ca", key, certificate)
        for name, hosts in SERVERS.items():
            self._issue(name, certificate, key, common_name=name, hosts=hosts)
        for name, (user, group) in CLIENTS.items():
            self._issue(name, certificate, key, common_name=user, group=group)
        signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(self.service_account_key, _pem(signing))
        self.service_account_public_key.write_bytes(
            signing.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        complete.touch()

    def _issue(
        self,
        name: str,
        issuer: x509.Certificate,
        issuer_key: Key,
        *,
        common_name: str,
        group: str | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(_subject(common_name, group), issuer.subject, key)
        if hosts:
            # etcd's peer and health clients present the server's own certificate.
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            addresses = [ipaddress.ip_address(a) for a in SERVER_ADDRESSES]
            names = [
                *(x509.DNSName(host) for host in hosts),
                *(x509.IPAddress(address) for address in addresses),
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
        )
        self._write(name, key, builder.sign(issuer_key, hashes.SHA256()))

    def _write(self, name: str, key: Key, certificate: x509.Certificate) -> None:
        identity = self.identity(name)
        write_private(identity.key, _pem(key))
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _authority() -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject("storeorch development cluster", None)
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str, group: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

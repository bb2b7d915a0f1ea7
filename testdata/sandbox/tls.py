"""The sandbox's certificate authority, and the certificates it issues.

One authority stands in a sandbox's state directory. Clients trust it as they
trust Amazon's RDS authorities: by a file (PGSSLROOTCERT, AWS_CA_BUNDLE).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from service import now

# What a certificate can be made to lack, for tests of clients that must refuse it.
FLAWS = ("expired", "wrong-name", "self-signed")

_YEAR = timedelta(days=365)
_WRONG_NAME = "database.invalid"


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, both PEM."""

    chain: bytes
    key: bytes


class Authority:
    """A CA whose key and certificate stand in `directory`, made there if absent."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate_file = directory / "ca.pem"
        key_file = directory / "ca.key"
        if not (self.certificate_file.exists() and key_file.exists()):
            self._create(key_file)
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def issue(self, names: list[str], flaw: str | None = None) -> Certificate:
        """A server certificate for host names and IP addresses, sound or with one of FLAWS."""
        if flaw is not None and flaw not in FLAWS:
            raise ValueError(f"flaw must be one of {', '.join(FLAWS)}")
        key = ec.generate_private_key(ec.SECP256R1())
        served = [_WRONG_NAME] if flaw == "wrong-name" else names
        start, end = now() - timedelta(hours=1), now() + _YEAR
        if flaw == "expired":
            start, end = now() - _YEAR, now() - timedelta(hours=1)
        # A common name holds 64 characters at most; clients look at the SANs.
        subject = _name(served[0][:64])
        issuer, signer = (subject, key) if flaw == "self-signed" else (self._certificate.subject, self._key)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in served]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return Certificate(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))

    def endpoint_files(self) -> tuple[Path, Path]:
        """Files of certificate and key for the AWS endpoint itself, which is on loopback."""
        certificate = self.issue(["localhost", "127.0.0.1", "::1"])
        chain, key = (self.certificate_file.with_name(n) for n in ("endpoint.pem", "endpoint.key"))
        chain.write_bytes(certificate.chain)
        write_private(key, certificate.key)
        return chain, key

    def _create(self, key_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("trueup sandbox CA")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - 2 * _YEAR).not_valid_after(now() + 10 * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_ca_key_usage(), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(key_file, _pem(key))
        self.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _ca_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False)

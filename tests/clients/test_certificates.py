"""TLS: which certificates are trusted, and the errors for those that are not."""

from __future__ import annotations

import os
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest
import requests
import truststore
import urllib3

from chatgpt4online.errors import ConnectError, UsageError

from ..drivers import NO_BACKOFF, NO_RETRY, Driver
from ..loopback import (
    CERTIFICATE,
    HELLO_SITE,
    LoopbackServer,
    proxy_server,
    tls_context,
    tunnel,
)

WRONG_HOST = CERTIFICATE.replace("cert.pem", "wronghost.pem")


def test_untrusted_certificate(driver: Driver) -> None:
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(ConnectError, match="TLS certificate"):
            client.generate("Hi")
        assert server.requests == []
        assert server.connections == 1


def test_a_prompt_is_not_sent_to_an_untrusted_site(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE, tls_context()) as server:
        with driver.client(server.url + "/wp-json/", token="t") as client:
            with pytest.raises(ConnectError, match="TLS certificate") as caught:
                client.generate("Hi")
            assert not caught.value.may_have_run


@pytest.fixture
def certificate_folder(tmp_path: Path) -> str:
    """A folder as OpenSSL uses it, where files have the names of hashes."""
    (tmp_path / "ce275665.0").write_bytes(Path(CERTIFICATE).read_bytes())
    return str(tmp_path)


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize(
    "variable", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]
)
def test_trusted_certificate(
    variable: str | None,
    folder: bool,
    certificate_folder: str,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {}
    path = certificate_folder if folder else CERTIFICATE
    if variable is None:
        options["verify"] = path
    else:
        monkeypatch.setenv(variable, path)
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, **options) as client,
    ):
        for _ in range(2):
            assert client.generate("Hi").text == "Hello"
        assert server.connections == 1


def test_verification_disabled(driver: Driver) -> None:
    with (
        warnings.catch_warnings(),
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, verify=False) as client,
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        assert client.generate("Hi").text == "Hello"


def test_tls_context(driver: Driver) -> None:
    trusting, strict = ssl.create_default_context(cafile=CERTIFICATE), ssl.create_default_context()
    before = trusting.cert_store_stats()
    with LoopbackServer(HELLO_SITE, tls_context()) as server:
        with driver.client(server.url, verify=trusting) as client:
            for _ in range(2):
                assert client.generate("Hi").text == "Hello"
        assert server.connections == 1
        with driver.client(server.url, verify=strict, retry=NO_RETRY) as client:
            with pytest.raises(ConnectError, match="TLS certificate"):
                client.generate("Hi")
    assert trusting.cert_store_stats() == before, "no other certificates are trusted"


def test_tls_context_of_truststore(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    # truststore trusts what OpenSSL trusts by default, and so what the second one names.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing/file.pem")
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, verify=context) as client,
    ):
        assert client.generate("Hi").text == "Hello"


@pytest.mark.parametrize("verified", [True, False])
def test_tls_context_that_does_not_check_the_host(verified: bool, driver: Driver) -> None:
    authority = WRONG_HOST.replace("wronghost", "ca") if verified else None
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    with (
        warnings.catch_warnings(),
        LoopbackServer(HELLO_SITE, tls_context(WRONG_HOST)) as server,
        driver.client(server.url, verify=context) as client,
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        assert client.generate("Hi").text == "Hello"


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_context_for_an_https_proxy(trusted: bool, driver: Driver) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE if trusted else None)
    targets: list[str] = []
    with (
        LoopbackServer(proxy_server(targets), tls_context()) as proxy,
        driver.client(
            "https://site.invalid", proxy=proxy.url, verify=context, retry=NO_RETRY
        ) as client,
    ):
        with pytest.raises(ConnectError, match="403" if trusted else "certificate"):
            client.generate("Hi")
    assert targets == ["site.invalid:443"] * trusted


@pytest.mark.parametrize(
    ("certificate", "authority", "advice"),
    [
        (CERTIFICATE, None, "If it was issued by a private authority, pass its certificates"),
        (WRONG_HOST, WRONG_HOST.replace("wronghost", "ca"), "The proxy's owner has to fix this."),
    ],
    ids=["untrusted", "other host"],
)
def test_rejected_certificate_of_a_proxy(
    certificate: str, authority: str | None, advice: str, driver: Driver
) -> None:
    text = rf"^The TLS certificate of the proxy was rejected: .*\. {advice}"
    options = {"verify": authority} if authority else {}
    with (
        LoopbackServer(proxy_server([]), tls_context(certificate)) as proxy,
        driver.client(
            "https://site.invalid", proxy=proxy.url, retry=NO_BACKOFF, **options
        ) as client,
    ):
        with pytest.raises(ConnectError, match=text) as caught:
            client.generate("Hi")
        assert not caught.value.retryable
        assert proxy.connections == 1


def test_rejected_certificate_of_a_site_behind_a_proxy(driver: Driver) -> None:
    with (
        LoopbackServer(tunnel) as proxy,
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, proxy=proxy.url, retry=NO_BACKOFF) as client,
    ):
        text = f"The TLS certificate of {server.url} was rejected: self-signed certificate"
        with pytest.raises(ConnectError, match=text):
            client.generate("Hi")
        assert (proxy.connections, server.connections) == (1, 1)
        with driver.client(server.url, proxy=proxy.url, verify=CERTIFICATE) as trusting:
            assert trusting.generate("Hi").text == "Hello"


@pytest.mark.parametrize("verify", [os.devnull + "/none", __file__, 1, None])
def test_invalid_verify(verify: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match="verify"):
        driver.client("https://site.invalid/", verify=verify)


def test_certificates_in_environment_are_read_for_each_call(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if driver.name == "sync" and requests.__version__ < "2.32":
        pytest.skip("this version of requests reuses a connection whatever it trusts")
    with (
        LoopbackServer(HELLO_SITE, tls=tls_context()) as server,
        driver.client(server.url, retry=NO_RETRY) as client,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", CERTIFICATE)
        assert client.generate("Hi").text == "Hello"
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(ConnectError, match="certificate"):
            client.generate("Hi")
        assert len(server.prompts) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_missing_certificates_in_environment(
    variable: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/missing/file.pem")
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=variable):
            client.generate("Hi")
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"

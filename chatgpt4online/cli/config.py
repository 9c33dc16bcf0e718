"""``config``: sites by name, and their secrets."""

from __future__ import annotations

from typing import Any

import click
import tomlkit

from ..errors import UsageError
from .completing import complete_site
from .configuration import SiteEntry, config_path, parse_config, read_config
from .credentials import ask_and_store, credential_of
from .files import write_private
from .output import say, write_line


@click.group("config")
def command() -> None:
    """Name sites in a configuration file, and keep their secrets in a keyring.

    Options override environment variables, which override the file.
    """


@command.command("path")
def path() -> None:
    """Print the path of the configuration file."""
    write_line(str(config_path()))


@command.command("show")
def show() -> None:
    """Print the configuration file."""
    read_config()
    file = config_path()
    write_line(file.read_text(encoding="utf-8") if file.exists() else "# There is no file yet.")


@command.command("set")
@click.argument("name", shell_complete=complete_site)
@click.argument("values", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_values(name: str, values: tuple[str, ...]) -> None:
    """Set what is known about a site.

    For example: chatgpt4online config set shop url=https://example.com bot=support

    The keys are url, bot, user, public_api (true or false), proxy, timeout, model and system. An
    empty value removes a key. The first site becomes the default.
    """
    if "=" in name:
        raise UsageError(f"Name the site first: chatgpt4online config set NAME {name}")
    document = _read_document()
    sites = document.setdefault("sites", tomlkit.table(is_super_table=True))
    inline = isinstance(sites, tomlkit.items.InlineTable)  # which cannot contain other tables
    entry = sites.setdefault(name, tomlkit.inline_table() if inline else tomlkit.table())
    for item in values:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"Expected KEY=VALUE, not {key!r}.")
        if value:
            entry[key] = _typed(key, value)
        else:
            entry.pop(key, None)
    document.setdefault("default", name)
    _write(document)


@command.command("default")
@click.argument("name", shell_complete=complete_site)
def default(name: str) -> None:
    """Use this site if none is named."""
    document = _read_document()
    document["default"] = name
    _write(document)


@command.command("save")
@click.argument("wanted", type=bool, metavar="true|false")
def save(wanted: bool) -> None:
    """Save conversations without being asked to, or not."""
    document = _read_document()
    document["save"] = wanted
    _write(document)


@command.command("remove")
@click.argument("name", shell_complete=complete_site)
def remove(name: str) -> None:
    """Remove a site from the file."""
    document = _read_document()
    if name not in document.get("sites", {}):
        raise UsageError(f"The configuration file has no site {name!r}.")
    del document["sites"][name]
    if document.get("default") == name:
        del document["default"]
    _write(document)


@command.command("secret")
@click.argument("name", shell_complete=complete_site)
def secret(name: str) -> None:
    """Ask for a site's password or token, and keep it in the keyring."""
    needed = credential_of(_find(name))
    if needed is None:
        raise UsageError(
            f"The site {name!r} needs no secret. To chat as a user, first run: chatgpt4online "
            f"config set {name} user=NAME"
        )
    ask_and_store(needed)
    say("It is in the keyring.")


def _find(name: str) -> SiteEntry:
    sites = read_config().sites
    if name not in sites:
        raise UsageError(
            f"The configuration file has no site {name!r}. First run: chatgpt4online config set "
            f"{name} url=URL user=NAME"
        )
    return sites[name]


def _typed(key: str, value: str) -> Any:
    if key == "public_api" and value in ("true", "false"):
        return value == "true"
    if key == "timeout":
        try:
            return float(value)
        except ValueError:
            raise UsageError("timeout must be a number of seconds.") from None
    return value


def _read_document() -> tomlkit.TOMLDocument:
    read_config()  # which complains if it is invalid
    file = config_path()
    return tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")


def _write(document: tomlkit.TOMLDocument) -> None:
    """Write the file, unless it would not be valid."""
    file = config_path()
    text = tomlkit.dumps(document)
    parse_config(text, str(file))
    try:
        content = text.encode()
    except UnicodeError:  # Python turns such bytes of an argument into surrogates
        raise UsageError("The name and the values must be UTF-8.") from None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, content)
    except OSError as error:
        raise UsageError(f"Cannot write {file}: {error.strerror}.") from error

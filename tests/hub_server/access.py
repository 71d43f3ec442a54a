"""Who may see, read and change a repository, and the answers the Hub gives to those who may not."""

from __future__ import annotations

from dataclasses import dataclass

from tests.hub_server.repo import Repo


class RefusedError(Exception):
    """A request the Hub answers with an error.

    Args:
        status: The HTTP status.
        message: What `X-Error-Message` and the body say.
        code: `X-Error-Code`, by which the client picks its exception.
        commit: `X-Repo-Commit`, where a commit was found but not the file.
    """

    def __init__(self, status: int, message: str, code: str = "", commit: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.commit = status, message, code, commit


@dataclass(frozen=True, slots=True)
class Account:
    """Someone with a token; an owner may see and change every repository."""

    name: str
    token: str
    owner: bool


OWNER = Account("owner", "hf_owner_of_the_test_hub", owner=True)
STRANGER = Account("stranger", "hf_stranger_to_the_test_hub", owner=False)
_BY_TOKEN = {account.token: account for account in (OWNER, STRANGER)}


def account_of(authorization: str | None) -> Account | None:
    """The account behind an `Authorization` header, None without one; a wrong token is refused."""
    if not authorization:
        return None
    account = _BY_TOKEN.get(authorization.removeprefix("Bearer ").strip())
    if account is None:
        raise RefusedError(401, "Invalid credentials in Authorization header")
    return account


def not_found(account: Account | None) -> RefusedError:
    """What the Hub says of a repository that is missing, or hidden from this account."""
    if account is None:
        return RefusedError(401, "Invalid username or password.", "RepoNotFound")
    return RefusedError(404, "Repository not found", "RepoNotFound")


def check_visible(repo: Repo, account: Account | None) -> None:
    """Refuse, as if it were missing, a private repository to all but its owner."""
    if repo.settings["private"] and not (account and account.owner):
        raise not_found(account)


def check_readable(repo: Repo, account: Account | None) -> None:
    """Refuse the files of a gated repository to those without access; its listing is open."""
    check_visible(repo, account)
    if not repo.settings["gated"] or (account and account.owner):
        return
    if account is None:
        raise RefusedError(
            401,
            f"Access to dataset {repo.id} is restricted. You must have access to it and be "
            "authenticated to access it. Please log in.",
            "GatedRepo",
        )
    if account.name not in repo.settings["granted"]:
        raise RefusedError(
            403,
            f"Access to dataset {repo.id} is restricted and you are not in the authorized list. "
            "Visit its page to ask for access.",
            "GatedRepo",
        )


def check_writable(account: Account | None, what: str) -> None:
    """Refuse a change to all but the owner."""
    if account is None:
        raise RefusedError(401, "Invalid username or password.")
    if not account.owner:
        raise RefusedError(403, f"You don't have the rights to {what}")

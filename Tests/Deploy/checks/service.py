"""What every platform must tell the service, and how it must ask whether it is well."""

# Asked before traffic moves: 503 while it restores.
READY = "/readyz"
# Asked before it is killed: never waits for the bucket.
ALIVE = "/healthz"
PORT = 8080

REQUIRED = {"REPLICA_URL", "REQUIRE_REPLICA", "DURABILITY"}
OPTIONAL = {
    "PORT",
    "API_TOKEN",
    "TRUSTED_PROXIES",
    "MAX_STALENESS",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "DB_PATH",
    "MIGRATIONS_PATH",
}
CREDENTIALS = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SECRETS = {"AWS_SECRET_ACCESS_KEY", "API_TOKEN"}


def environment_problems(
    values: dict[str, object], *, roles: bool, given_later: frozenset[str] = frozenset()
) -> list[str]:
    """Judges the variables of a service; `roles` says that the platform has an identity of its own for it.

    `given_later` are those that the operator sets as the platform's secrets, not in the manifest.
    """
    found = []
    names = set(values) | given_later
    for name in sorted(REQUIRED - names):
        found.append(f"{name} is not set")
    for name in sorted(names - REQUIRED - OPTIONAL - CREDENTIALS):
        found.append(f"{name} is no variable of the service")
    if "DURABILITY" in values and values["DURABILITY"] != "replicated":
        found.append(f"DURABILITY must be replicated, is {values['DURABILITY']!r}")
    if "REQUIRE_REPLICA" in values and values["REQUIRE_REPLICA"] not in ("true", None):
        found.append("REQUIRE_REPLICA must be true: a mistyped prefix would begin an empty database")
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    if roles and names & keys:
        found.append("the platform gives the service an identity; no keys in the manifest")
    if not roles and not keys <= names:
        found.append(f"nothing says where {' and '.join(sorted(keys - names))} come from")
    for name in sorted(SECRETS & set(values)):
        if values[name] and not str(values[name]).endswith("_HERE"):
            found.append(f"{name}: a secret must not be in the manifest")
    return found

"""Who wrote which row under which lease, as PostgreSQL itself saw it.

Triggers keep every version of every row of ``stores``, and every event, together with
the name under which the writing process is connected. That name is none of storeorch's
doing, so a worker that writes without holding the lease is found out even if the
statement believes it does. ``judge`` is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from tests.postgresql import PostgresServer

_SETUP: Final = """
CREATE SCHEMA audit;
CREATE TABLE audit.writes (
    number bigserial PRIMARY KEY, transaction text, writer text, verb text, store text,
    at bigint, before jsonb, after jsonb
);
CREATE TABLE audit.told (
    number bigserial PRIMARY KEY, transaction text, writer text, store text, epoch bigint,
    actor text
);
CREATE FUNCTION audit.note_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.writes (transaction, writer, verb, store, at, before, after) VALUES (
        pg_current_xact_id()::text, current_setting('application_name'), TG_OP,
        coalesce(NEW.id, OLD.id),
        (extract(epoch FROM statement_timestamp()) * 1000)::bigint, to_jsonb(OLD), to_jsonb(NEW)
    );
    RETURN NULL;
END $$;
CREATE FUNCTION audit.note_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.told (transaction, writer, store, epoch, actor) VALUES (
        pg_current_xact_id()::text, current_setting('application_name'),
        NEW.store_id, NEW.epoch, NEW.actor
    );
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON stores
    FOR EACH ROW EXECUTE FUNCTION audit.note_write();
CREATE TRIGGER audit AFTER INSERT ON events
    FOR EACH ROW EXECUTE FUNCTION audit.note_event();
"""

_LEASE: Final = frozenset({"lease_owner", "lease_epoch", "lease_until"})
_DECLARED: Final = frozenset(
    {"id", "name", "type", "cluster", "namespace", "host", "helm_release", "parameters"}
    | {"generation", "created_at", "declared_at"}
)
"""What only a declaration may write."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """One version of a row of ``stores``, in the order in which the row had them.

    Attributes:
        transaction: The transaction.
        writer: Name under which the writer is connected.
        verb: ``INSERT``, ``UPDATE`` or ``DELETE``.
        store: Id of the store.
        at: When the statement began, by the database's clock, in milliseconds.
        before: The row before.
        after: The row after.
    """

    transaction: str
    writer: str
    verb: str
    store: str
    at: int
    before: Row | None
    after: Row | None


@dataclass(frozen=True)
class Told:
    """One event, as it was written."""

    transaction: str
    writer: str
    store: str
    epoch: int
    actor: str


@dataclass
class Verdict:
    """What the rows tell.

    Attributes:
        claims: Leases that were taken.
        handed_over: Those of them that another worker had held, and let run out.
        renewals: Rows whose lease was prolonged.
        observations: Other writes by workers.
        declarations: Writes by others.
        events: Events that workers wrote.
        violations: What must not be; each a sentence.
    """

    claims: int = 0
    handed_over: int = 0
    renewals: int = 0
    observations: int = 0
    declarations: int = 0
    events: int = 0
    violations: list[str] = field(default_factory=list)


def install(server: PostgresServer, database: str) -> None:
    """Have every write to a migrated database noted."""
    server.run(_SETUP, database=database)


def read(server: PostgresServer, database: str) -> tuple[Sequence[Write], Sequence[Told]]:
    """Return all that was noted."""
    writes = server.run(
        "SELECT transaction, writer, verb, store, at, before, after FROM audit.writes"
        " ORDER BY number",
        database=database,
    )
    told = server.run(
        "SELECT transaction, writer, store, epoch, actor FROM audit.told ORDER BY number",
        database=database,
    )
    return (
        [Write(*cast("tuple[Any, ...]", row)) for row in writes],
        [Told(*cast("tuple[Any, ...]", row)) for row in told],
    )


def judge(writes: Sequence[Write], told: Sequence[Told], *, declarer: str) -> Verdict:
    """Check every write against the lease that its writer held.

    Args:
        writes: The writes, as ``read`` returns them.
        told: The events.
        declarer: Name under which the one is connected who declares; all others are
            workers, and each worker is connected under a name of its own.
    """
    verdict = Verdict()
    owners: dict[str, str] = {}
    holders: dict[tuple[str, str], tuple[str, int]] = {}
    for write in writes:
        told_by = verdict.violations
        if write.writer == declarer:
            verdict.declarations += 1
            told_by += [f"declarer {each}: {write}" for each in _wrong_declaration(write)]
            continue
        if write.before is None:
            told_by.append(f"a worker created a store: {write}")
            continue
        if write.after is not None and write.after["lease_epoch"] != write.before["lease_epoch"]:
            verdict.claims += 1
            verdict.handed_over += write.before["lease_owner"] is not None
            told_by += [f"claim {each}: {write}" for each in _wrong_claim(write, owners)]
            continue
        held = (write.before["lease_owner"], write.before["lease_epoch"])
        holders[write.transaction, write.store] = held
        if write.before["lease_owner"] != owners.get(write.writer, ""):
            told_by.append(f"written by who does not hold the lease: {write}")
        if _changed(write) == {"lease_until"} and write.after and write.after["lease_until"]:
            verdict.renewals += 1
            told_by += [f"renewal {each}: {write}" for each in _wrong_renewal(write)]
            continue
        verdict.observations += 1
        told_by += [f"observation {each}: {write}" for each in _wrong_observation(write)]
    for event in told:
        if event.writer != declarer:
            verdict.events += 1
            # The row is written first, in the same transaction: so it tells who may speak.
            if holders.get((event.transaction, event.store)) != (event.actor, event.epoch):
                verdict.violations.append(f"event under a lease that is not held: {event}")
    return verdict


def _changed(write: Write) -> set[str]:
    before, after = write.before or {}, write.after or {}
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _wrong_declaration(write: Write) -> Iterator[str]:
    if write.verb == "DELETE":
        yield "removed a row"
    if write.verb == "UPDATE" and _changed(write) & _LEASE:
        yield "changed a lease"


def _wrong_claim(write: Write, owners: dict[str, str]) -> Iterator[str]:
    assert write.before is not None
    assert write.after is not None
    taken_by = write.after["lease_owner"]
    if write.after["lease_epoch"] != write.before["lease_epoch"] + 1:
        yield "did not raise the epoch by one"
    if write.before["lease_owner"] is not None and write.before["lease_until"] > write.at:
        yield "took a lease that had not run out"
    if owners.setdefault(write.writer, taken_by) != taken_by:
        yield "was made under another name than before"
    if list(owners.values()).count(taken_by) > 1:
        yield "was made under the name of another"
    if _changed(write) - _LEASE - {"due_at"}:
        yield "changed more than the lease"


def _wrong_renewal(write: Write) -> Iterator[str]:
    assert write.before is not None
    if write.before["lease_until"] <= write.at:
        yield "of a lease that had run out"


def _wrong_observation(write: Write) -> Iterator[str]:
    if write.verb == "DELETE":
        if write.before is not None and write.before["status"] != "deleting":
            yield "removed a store that was not to be deleted"
    elif _changed(write) & _DECLARED:
        yield "changed what was declared"

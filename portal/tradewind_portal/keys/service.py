"""Exchange keys of tenants: checked with the exchange before they are kept, sealed before they are stored.

`verify` opens one to ask the exchange about it. Nothing returns a secret but `credential`, which leases.service calls for the
pod of a live bot, inside the transaction that gives the pod its epoch.
"""

import hashlib
import secrets
from dataclasses import replace
from typing import Any

import orjson

from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.clock import now_ms
from tradewind_portal.cluster.port import Cluster, Kind
from tradewind_portal.keys import queries
from tradewind_portal.keys.envelope import EnvelopeError, Envelopes, NoOuterKeyError, Sealed
from tradewind_portal.keys.queries import ExchangeKey
from tradewind_portal.keys.verifying import Secrets, Verifier
from tradewind_portal.kill.queries import is_set
from tradewind_portal.problems import FieldError, Problem, not_found
from tradewind_portal.store import Cursor, Store
from tradewind_portal.strategies.checks import check_exchange, refuse
from tradewind_portal.tenants.scope import TenantScope

MAX_KEYS = 50


class Keys:
    """Takes in, lists, rotates and destroys."""

    def __init__(
        self, store: Store, cluster: Cluster, exchanges: list[ExchangeConfig], envelopes: Envelopes, verifier: Verifier
    ) -> None:
        self._store, self._cluster, self._exchanges = store, cluster, exchanges
        self._envelopes, self._verifier = envelopes, verifier

    async def create(self, tenant: TenantScope, name: str, exchange: str, key: Secrets, trail: Trail) -> ExchangeKey:
        """Return a new key. Raises Problem 422 for one that may withdraw or not trade or is not valid, 409 for a known one."""
        refuse(check_exchange(exchange, self._exchanges, "/exchange"))
        self._ready()
        _refuse_new(await self.of_tenant(tenant), name, key)  # before the exchange is asked
        warnings = await self._verifier.check(self._config(exchange), key)
        now = now_ms()
        draft = ExchangeKey(
            secrets.token_hex(8), tenant.uid, name, exchange, 1, *_marks(key), warnings, None, now, trail.actor, now
        )
        made = replace(draft, sealed=self._envelopes.seal(_packed(key), draft.place))

        def store(cursor: Cursor) -> None:
            _refuse_new(queries.of_tenant(cursor, tenant.uid), name, key)  # and again: that took a while
            queries.insert(cursor, made)
            append(cursor, trail.entry("keys.create", f"exchange-key/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return made

    async def rotate(self, tenant: TenantScope, name: str, key: Secrets, trail: Trail) -> ExchangeKey:
        """Return the key with another secret of the same exchange. Bots get it at their next start."""
        self._ready()
        before = await self.get(tenant, name)
        _refuse_known(await self.of_tenant(tenant), name, key)
        warnings = await self._verifier.check(self._config(before.exchange), key)
        fingerprint, hint = _marks(key)
        draft = replace(
            before,
            version=before.version + 1,
            fingerprint=fingerprint,
            hint=hint,
            warnings=warnings,
            checked_ms=now_ms(),
            revoked_ms=None,
        )
        made = replace(draft, sealed=self._envelopes.seal(_packed(key), draft.place))
        trail.diff = {"version": made.version}

        def store(cursor: Cursor) -> None:
            now = queries.by_name(cursor, tenant.uid, name)
            if now is None or (now.id, now.version) != (before.id, before.version):
                raise Problem(409, "Conflict", f"exchange key {name} was changed at the same moment; read it again")
            _refuse_known(queries.of_tenant(cursor, tenant.uid), name, key)
            queries.replace_secret(cursor, made)
            append(cursor, trail.entry("keys.rotate", f"exchange-key/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return made

    async def verify(self, tenant: TenantScope, name: str, trail: Trail) -> ExchangeKey:
        """Return a key after asking the exchange again what it may do. Raises Problem 422 as `create` does, 409 if revoked."""
        before = await self.get(tenant, name)
        if before.sealed is None:
            raise _revoked(name)
        parts = self._opened(before.sealed, before)
        key = Secrets(parts["apiKey"], parts["secret"], parts["password"])
        warnings = await self._verifier.check(self._config(before.exchange), key)
        now = replace(before, warnings=warnings, checked_ms=now_ms())

        def store(cursor: Cursor) -> None:
            queries.note_check(cursor, now)
            append(cursor, trail.entry("keys.verify", f"exchange-key/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return now

    async def delete(self, tenant: TenantScope, name: str, trail: Trail) -> None:
        """Destroy a key. Raises Problem 409 while a live bot names it, or its kill switch is on."""
        users = self.users(tenant, name)
        if users:
            detail = f"live bots use it: {', '.join(users)}; delete them, or give them another key, first"
            raise Problem(409, "KeyInUse", detail, more={"usedBy": users})

        def store(cursor: Cursor) -> None:
            key = queries.by_name(cursor, tenant.uid, name)
            if key is None:
                raise not_found(f"exchange key {name}")
            if is_set(cursor, "account", key.id):
                raise Problem(409, "KillSwitchOn", "its kill switch is on, and would be lost with it: release it first")
            queries.delete(cursor, key.id)
            append(cursor, trail.entry("keys.delete", f"exchange-key/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True

    async def of_tenant(self, tenant: TenantScope) -> list[ExchangeKey]:
        """Return the tenant's keys by name."""
        return await self._store.read(lambda cursor: queries.of_tenant(cursor, tenant.uid))

    async def get(self, tenant: TenantScope, name: str) -> ExchangeKey:
        """Return a key. Raises Problem 404."""
        found = await self._store.read(lambda cursor: queries.by_name(cursor, tenant.uid, name))
        if found is None:
            raise not_found(f"exchange key {name}")
        return found

    async def check_named(self, tenant: TenantScope, spec: dict[str, Any]) -> None:
        """Raise Problem 422 for a live bot whose key the tenant lacks; one that names none is the API server's to refuse."""
        name = spec.get("credentials")
        if not is_live(spec) or not name:
            return
        key = await self._store.read(lambda cursor: queries.by_name(cursor, tenant.uid, str(name)))
        if key is None:
            detail = f"there is no exchange key {name!r}; add it first: tw keys add {name}"
            refuse([FieldError("/spec/credentials", "unknown", detail)])
        elif key.exchange != spec.get("exchange"):
            detail = f"exchange key {name!r} is of {key.exchange}, the bot trades at {spec.get('exchange')}"
            refuse([FieldError("/spec/credentials", "mismatch", detail)])

    def users(self, tenant: TenantScope, name: str) -> list[str]:
        """Return the names of the tenant's live bots that name a key."""
        if tenant.namespace is None:
            return []
        bots = self._cluster.cached_all(Kind.TRADING_BOT, tenant.namespace)
        return [bot["metadata"]["name"] for bot in bots if is_live(bot["spec"]) and bot["spec"].get("credentials") == name]

    async def revoke(self, tenant_uid: str | None, exchange: str | None, trail: Trail) -> int:
        """Destroy the secrets of many keys at once, and return of how many. Their bots count as killed from now on."""

        def store(cursor: Cursor) -> int:
            found = queries.matching(cursor, tenant_uid=tenant_uid, exchange=exchange)
            for key in found:
                queries.revoke(cursor, key.id, now_ms())
            trail.diff = {**trail.diff, "keys": [key.id for key in found]}
            append(cursor, trail.entry("keys.revoke", f"exchange-keys/{len(found)}", "Succeeded"))
            return len(found)

        count = await self._store.write(store)
        trail.recorded = True
        return count

    async def rewrap(self, trail: Trail) -> int:
        """Wrap every data key with the first key-encryption key, and return how many that took. All of them or none."""
        self._ready()

        def store(cursor: Cursor) -> int:
            first = next(iter(self._envelopes.keys()))
            count = 0
            for key in queries.matching(cursor):
                if key.sealed is not None and key.sealed.kek_id != first:
                    queries.wrap_anew(cursor, key, self._envelopes.rewrap(key.sealed, key.place))
                    count += 1
            trail.diff = {"keys": count, "kek": first}
            append(cursor, trail.entry("keys.rewrap", f"exchange-keys/{count}", "Succeeded"))
            return count

        try:
            count = await self._store.write(store)
        except EnvelopeError as exc:
            raise _unreadable(exc) from exc
        trail.recorded = True
        return count

    def credential(self, cursor: Cursor, tenant_uid: str, name: str, exchange: str) -> tuple[ExchangeKey, ExchangeCredential]:
        """Return a key in clear. Raises Problem 409 (START_REFUSALS) or 503 CredentialsUnreadable."""
        key = queries.by_name(cursor, tenant_uid, name)
        if key is None:
            raise Problem(
                409, "CredentialsMissing", f"spec.credentials: there is no exchange key {name!r}; add it: tw keys add {name}"
            )
        if key.exchange != exchange:
            detail = f"spec.credentials: key {name!r} is of {key.exchange}, the bot trades at {exchange}"
            raise Problem(409, "CredentialsMismatch", detail)
        if key.sealed is None:
            raise _revoked(name)
        parts = self._opened(key.sealed, key)
        return key, ExchangeCredential.model_validate({**parts, "id": key.id, "version": key.version})

    def _opened(self, sealed: Sealed, key: ExchangeKey) -> dict[str, Any]:
        try:
            return dict(orjson.loads(self._envelopes.open(sealed, key.place)))
        except EnvelopeError as exc:
            raise _unreadable(exc) from exc

    def _config(self, exchange: str) -> ExchangeConfig:
        refuse(check_exchange(exchange, self._exchanges, "/exchange"))
        return next(config for config in self._exchanges if config.name == exchange)

    def _ready(self) -> None:
        try:
            self._envelopes.keys()
        except NoOuterKeyError as exc:
            raise Problem(503, "KeysNotConfigured", f"this platform takes no exchange keys yet: {exc}") from exc


def is_live(spec: dict[str, Any]) -> bool:
    """Return whether a bot's spec asks for real orders."""
    return spec.get("mode") == "Live"


def _refuse_new(there: list[ExchangeKey], name: str, key: Secrets) -> None:
    if any(found.name == name for found in there):
        error = FieldError("/name", "taken", f"exchange key {name} exists; for another secret: tw keys rotate {name}")
        raise Problem(409, "AlreadyExists", error.detail, errors=[error])
    if len(there) >= MAX_KEYS:
        raise Problem(409, "TooManyKeys", f"{MAX_KEYS} exchange keys are the limit; delete one first")
    _refuse_known(there, name, key)


def _refuse_known(there: list[ExchangeKey], name: str, key: Secrets) -> None:
    """One key under two names would be two accounts to the leases and kill switches, and one to the exchange."""
    fingerprint, _ = _marks(key)
    for found in there:
        if found.fingerprint == fingerprint and found.name != name and found.revoked_ms is None:
            error = FieldError("/apiKey", "known", f"{found.name} is this key already: bots may share it by that name")
            raise Problem(409, "KeyKnown", error.detail, errors=[error])


def _packed(key: Secrets) -> bytes:
    return orjson.dumps({"apiKey": key.api_key, "secret": key.secret, "password": key.password})


def _marks(key: Secrets) -> tuple[str, str]:
    """Return what tells keys apart: a digest of the public part, and its last characters where it is long."""
    public = key.api_key
    return hashlib.sha256(public.encode()).hexdigest(), public[-4:] if len(public) >= 24 else ""


def _revoked(name: str) -> Problem:
    detail = f"exchange key {name!r} was revoked; give it a new secret: tw keys rotate {name}"
    return Problem(409, "CredentialsRevoked", detail)


def _unreadable(error: EnvelopeError) -> Problem:
    detail = f"an administrator must act: {error}"
    return Problem(503, "CredentialsUnreadable", detail, headers={"Retry-After": "30"})

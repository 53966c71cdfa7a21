"""Starts and heartbeats of bots: what a live one is given besides its epoch, and what every one is told to stop.

A live bot's start is one transaction: its key opens, no other bot trades one of its symbols with that key, the epoch is
begun, the lease stands, the hand-over is in the audit log; or nothing of it. One bot for a key and a symbol, because two would
sell each other's coins. Whoever finds his symbols taken after a pause keeps no lease: he only reduces.
"""

from dataclasses import dataclass, field, replace

from tradewind_api.ledger import LedgerState
from tradewind_api.runner import LEASE_SECONDS, ExchangeCredential, KillScope, LeaseRequest
from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import AuditEntry, Trail
from tradewind_portal.clock import now_ms
from tradewind_portal.cluster.port import Cluster, Kind, Object, uid_of
from tradewind_portal.keys.service import Keys, is_live
from tradewind_portal.kill import queries as closing
from tradewind_portal.kill.service import KillSwitches
from tradewind_portal.leases import queries
from tradewind_portal.leases.notices import Notices
from tradewind_portal.leases.queries import Lease
from tradewind_portal.leases.said import Complaints
from tradewind_portal.leases.silences import Silences
from tradewind_portal.ledger.identity import Worker
from tradewind_portal.ledger.queries import begin_epoch, newest_halt
from tradewind_portal.problems import Problem
from tradewind_portal.store import Cursor, Store

FRESH_MS = 10_000  # events renew a lease that is older than this


@dataclass(frozen=True, slots=True)
class Begun:
    """What a pod is told when it starts."""

    epoch: int
    state: LedgerState
    kill: list[KillScope]
    credential: ExchangeCredential | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a pod is told while it runs. `lost` is (symbol, bot) where another bot has taken over."""

    lease_seconds: int
    kill: list[KillScope]
    lost: tuple[str, str] | None = None
    key_works: bool = True


class Leases:
    """Of all bots; only live ones have one."""

    def __init__(self, store: Store, cluster: Cluster, keys: Keys, kill: KillSwitches, *, egress_address: str = "") -> None:
        self._address = egress_address
        self._store, self._cluster, self._keys, self._kill = store, cluster, keys, kill
        self.notices = Notices(cluster)
        self._complaints, self._silences = Complaints(), Silences()
        self._known: dict[str, Lease] = {}
        self._refused: dict[str, str] = {}

    async def start(self, pod: Worker, trail: Trail) -> Begun:
        """Begin an epoch. Raises Problem 409 (START_REFUSALS) for a live bot that may not trade."""
        self._complaints.forget(pod.uid)
        item = self._cluster.cached(Kind.TRADING_BOT, pod.name, pod.namespace)
        if item is None or is_live(item["spec"]):  # a key is given for what the resource says now, not a moment ago
            item = await self._cluster.get(Kind.TRADING_BOT, pod.name, pod.namespace)
        if item is None or uid_of(item) != pod.uid or not is_live(item["spec"]):
            epoch, state = await self._store.write(lambda cursor: begin_epoch(cursor, pod.owner(), now_ms()))
            return Begun(epoch, state, await self._kill.for_bot(pod.uid, pod.tenant_uid, None))
        try:
            begun, lease = await self._store.write(lambda cursor: self._begin_live(cursor, pod, item, trail))
        except Problem as problem:
            await self._note_refusal(pod, problem, trail)
            raise
        self._known[pod.uid] = lease
        self._refused.pop(pod.uid, None)
        trail.recorded = True
        return replace(begun, kill=await self._kill.for_bot(pod.uid, pod.tenant_uid, lease.key_id))

    async def stand(self, pod: Worker, epoch: int, *, heartbeat: bool) -> Standing:
        """Return what a pod of the newest epoch may do, its lease renewed."""
        lease = await self._lease(pod)
        if lease is None or lease.epoch != epoch:
            return Standing(LEASE_SECONDS, await self._kill.for_bot(pod.uid, pod.tenant_uid, None))
        now = now_ms()
        works, lost = True, None
        if heartbeat or lease.until_ms - now < LEASE_SECONDS * 1000 - FRESH_MS:
            renewed = await self._store.write(lambda cursor: self._renew(cursor, pod, epoch))
            lease, works, lost = renewed
            self._known[pod.uid] = lease
        kill = await self._kill.for_bot(pod.uid, pod.tenant_uid, lease.key_id)
        if not works and "account" not in kill:
            kill.insert(1 if "bot" in kill else 0, "account")
        left = min(LEASE_SECONDS, max(0, lease.until_ms - now) // 1000)
        return Standing(left if lost is None else 0, kill, lost, works)

    def hear(self, pod: Worker, beat: LeaseRequest) -> int:
        """Take in what a bot says in its heartbeat; return for how many seconds it should ask its exchange nothing."""
        self._complaints.hear(pod.uid, beat.state, beat.reasons)
        place = self._place(pod)
        self._silences.note(place, beat.exchange_silence_s)
        return self._silences.left(place)

    def silence_s(self, pod: Worker) -> int:
        """Return for how many seconds a bot should ask its exchange nothing."""
        return self._silences.left(self._place(pod))

    def _place(self, pod: Worker) -> tuple[str, str]:
        item = self._cluster.cached(Kind.TRADING_BOT, pod.name, pod.namespace)
        return str(item["spec"]["exchange"] if item else ""), self._address or pod.address

    async def end(self, pod: Worker, epoch: int) -> None:
        """Give a lease back: the bot has said that it stopped."""
        if await self._lease(pod) is not None:
            await self._store.write(lambda cursor: queries.release(cursor, pod.uid, epoch))
            self._known.pop(pod.uid, None)

    async def close_request(self, pod: Worker, done_number: int) -> closing.CloseRequest | None:
        """Return a bot's newest request to close, after noting up to which one it is done."""
        found = await self._kill.closing(pod.uid)
        if found is None or not found.open or done_number <= found.done_number:
            return found

        def store(cursor: Cursor) -> closing.CloseRequest | None:
            if closing.acknowledge_close(cursor, pod.uid, done_number, now_ms()):
                append(cursor, _entry(pod, Trail(), "bots.closed", f"bot/{pod.name}", "Succeeded"))
            return closing.close_request(cursor, pod.uid)

        return await self._store.write(store)

    async def tell(self, pod: Worker, standing: Standing, halted: str | None) -> None:
        """Let people in the cluster see why a bot does not trade, or that nothing holds it back."""
        self.notices.tell(pod.namespace, pod.name, pod.uid, await self._notice(pod, standing, halted))

    async def of(self, bot_uids: list[str]) -> dict[str, Lease]:
        """Return the leases of those bots that have one."""
        found = await self._store.read(lambda cursor: queries.leases_of(cursor, bot_uids)) if bot_uids else []
        return {lease.bot_uid: lease for lease in found}

    def _begin_live(self, cursor: Cursor, pod: Worker, item: Object, trail: Trail) -> tuple[Begun, Lease]:
        spec, leaving = item["spec"], "deletionTimestamp" in item["metadata"]
        name = str(spec.get("credentials") or "")
        key, credential = self._keys.credential(cursor, pod.tenant_uid, name, spec["exchange"])
        now = now_ms()
        epoch, state = begin_epoch(cursor, pod.owner(), now)
        until = now + LEASE_SECONDS * 1000
        lease = Lease(pod.uid, pod.tenant_uid, pod.name, key.id, epoch, until, tuple(sorted(_symbols(spec, state))))
        taken = None if leaving else queries.holder(cursor, lease, now)
        if taken is not None:
            raise Problem(409, "SymbolTaken", _taken(*taken))
        queries.grant(cursor, lease)
        if not leaving:  # who is being deleted only cancels its own orders, and is in nobody's way
            queries.claim(cursor, lease, now)
        entry = _entry(pod, trail, "keys.handed", f"exchange-key/{key.name}", "Succeeded")
        append(cursor, replace(entry, diff={"epoch": epoch, "keyVersion": key.version}))
        return Begun(epoch, state, [], credential), lease

    def _renew(self, cursor: Cursor, pod: Worker, epoch: int) -> tuple[Lease, bool, tuple[str, str] | None]:
        before, now = queries.lease_of(cursor, pod.uid), now_ms()
        if before is None or before.epoch != epoch:
            raise Problem(409, "Fenced", "a newer epoch has begun: this pod must stop at once")
        lease = replace(before, until_ms=now + LEASE_SECONDS * 1000)
        works = queries.key_works(cursor, lease.key_id)
        if before.until_ms == 0:  # it said that it stopped: a heartbeat that was on its way takes nothing back
            return before, works, None
        lost = queries.holder(cursor, lease, now)
        if lost is not None:
            return before, works, lost
        queries.grant(cursor, lease)
        queries.claim(cursor, lease, now)
        return lease, works, None

    async def _lease(self, pod: Worker) -> Lease | None:
        known = self._known.get(pod.uid)
        if known is not None:
            return known
        item = self._cluster.cached(Kind.TRADING_BOT, pod.name, pod.namespace)
        if item is not None and uid_of(item) == pod.uid and not is_live(item["spec"]):
            return None
        found = await self._store.read(lambda cursor: queries.lease_of(cursor, pod.uid))
        if found is not None:
            self._known[pod.uid] = found
        return found

    async def _note_refusal(self, pod: Worker, problem: Problem, trail: Trail) -> None:
        """Say it in the cluster, and once in the audit log: a pod asks again and again."""
        self.notices.tell(pod.namespace, pod.name, pod.uid, (problem.code, problem.detail))
        if self._refused.get(pod.uid) == problem.code:
            return
        self._refused[pod.uid] = problem.code
        entry = _entry(pod, trail, "keys.handed", f"bot/{pod.name}", problem.code)
        await self._store.write(lambda cursor: append(cursor, entry))

    async def _notice(self, pod: Worker, standing: Standing, halted: str | None) -> tuple[str, str] | None:
        if standing.lost is not None:
            return "SymbolTaken", _taken(*standing.lost)
        if not standing.key_works:
            return "CredentialsRevoked", "its exchange key was revoked or deleted: give the key a new secret (tw keys rotate)"
        if standing.kill:
            lease = self._known.get(pod.uid)
            key_id = lease.key_id if lease else None
            why = await self._kill.why(standing.kill, pod.uid, pod.tenant_uid, key_id)
            return "KillSwitch", f"{why}; no new entries, own orders are cancelled"
        if halted is not None:
            message = await self._store.read(lambda cursor: newest_halt(cursor, pod.uid))
            return "Halted", message or halted
        return self._complaints.of(pod.uid)


def _symbols(spec: Object, state: LedgerState) -> set[str]:
    """Return what a bot trades, and what it may still hold or have ordered from before."""
    held = {intent.symbol for intent in state.open_intents.values()} | set(state.positions)
    return {str(symbol) for symbol in spec.get("symbols", [])} | held


def _taken(symbol: str, bot: str) -> str:
    return (
        f"bot {bot} trades {symbol} with the same exchange key already, and two would sell each other's coins: "
        "use another symbol or another key, or stop that bot"
    )


def _entry(pod: Worker, trail: Trail, action: str, target: str, outcome: str) -> AuditEntry:
    entry = trail.entry(action, target, outcome)
    return replace(entry, actor=f"{pod.namespace}/{pod.name}", actor_kind="bot", tenant_uid=pod.tenant_uid)

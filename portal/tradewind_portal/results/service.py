"""Keeping reports. One backtest has one report; a second upload must be the same."""

import hashlib

import orjson

from tradewind_api.runner import Progress, ResultAnswer, ResultUpload
from tradewind_portal import measures
from tradewind_portal.clock import now_ms
from tradewind_portal.problems import FieldError, Problem
from tradewind_portal.results import queries
from tradewind_portal.results.queries import StoredReport
from tradewind_portal.store import Cursor, Store

MAX_PROGRESS = 10_000


class Results:
    """Reports in the database; progress in memory, since the worker tells it again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._progress: dict[str, dict[int, Progress]] = {}

    def progress(self, backtest_uid: str, progress: Progress) -> None:
        """Remember how far a backtest is; each of its shards tells of itself."""
        shards = self._progress.pop(backtest_uid, {})
        shards.pop(progress.shard, None)
        self._progress[backtest_uid] = {**shards, progress.shard: progress}
        while len(self._progress) > MAX_PROGRESS:
            del self._progress[next(iter(self._progress))]

    def progress_of(self, backtest_uid: str) -> Progress | None:
        """Return how far a backtest was when last heard of, its shards together, in the words of the last that told."""
        shards = list(self._progress.get(backtest_uid, {}).values())
        if not shards:
            return None
        done, total = sum(shard.done for shard in shards), sum(shard.total for shard in shards)
        return shards[-1].model_copy(update={"done": done, "total": total})

    async def store(self, backtest_uid: str, tenant_uid: str, name: str, upload: ResultUpload) -> ResultAnswer:
        """Return where the report is kept, durable already. Raises Problem 409 if another one is kept."""
        said = upload.report.get("reportDigest", upload.report_digest)
        if said != upload.report_digest:
            error = FieldError("/reportDigest", "digest", "is not the reportDigest inside the report")
            raise Problem(422, "Invalid", "the report names another digest", errors=[error])
        text = orjson.dumps(upload.report, option=orjson.OPT_SORT_KEYS)
        report = StoredReport(
            backtest_uid=backtest_uid,
            tenant_uid=tenant_uid,
            name=name,
            report_digest=upload.report_digest,
            sha256=hashlib.sha256(text).hexdigest(),
            report=text.decode(),
            stored_ms=now_ms(),
        )

        def keep(cursor: Cursor) -> StoredReport:
            kept = queries.by_uid(cursor, backtest_uid)
            if kept is None:
                queries.insert(cursor, report)
            return kept or report

        kept = await self._store.write(keep)
        if kept.report_digest != upload.report_digest:
            raise Problem(409, "OtherResult", f"this backtest has a report already, with digest {kept.report_digest}")
        measures.INGEST_ROWS.labels("reports").inc()
        return ResultAnswer(id=kept.backtest_uid, sha256=kept.sha256)

    async def find(self, backtest_uid: str | None, tenant_uid: str, name: str) -> StoredReport | None:
        """Return the report of a backtest, or (its resource being gone) the newest under its name in this tenant."""

        def find(cursor: Cursor) -> StoredReport | None:
            if backtest_uid is not None:
                return queries.by_uid(cursor, backtest_uid)
            return queries.newest_named(cursor, tenant_uid, name)

        report = await self._store.read(find)
        return report if report is not None and report.tenant_uid == tenant_uid else None

    async def stored_of(self, backtest_uids: list[str]) -> set[str]:
        """Return those of the backtests that have a report."""
        return await self._store.read(lambda cursor: queries.stored_of(cursor, backtest_uids)) if backtest_uids else set()

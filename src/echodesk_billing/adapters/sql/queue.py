"""Jobs of procrastinate, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from echodesk_billing.adapters.sql.session import Session

QUEUE = "billing"


JOBS_AT_ONCE = 100  # fetching a job scans all waiting ones, so many small jobs are expensive


_PUT_JOBS = text(
    "SELECT procrastinate_defer_jobs_v1(array_agg(ROW(CAST(:queue AS varchar), CAST(:task AS varchar), 0, NULL, NULL, "
    "jsonb_build_object('tenants', part) || CASE WHEN CAST(:trace AS text) = '' THEN '{}'::jsonb "
    "ELSE jsonb_build_object('trace', CAST(:trace AS text)) END, NULL)::procrastinate_job_to_defer_v1)) FROM ("
    "SELECT jsonb_agg(tenant) AS part FROM unnest(CAST(:tenants AS text[])) WITH ORDINALITY AS one(tenant, number) "
    "GROUP BY (number - 1) / :size) AS parts"
)


class SqlQueue:
    """Jobs of procrastinate, enqueued by its own SQL function in the same transaction. SQLite has no queue."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, task: str, tenants: Sequence[str], trace: str = "") -> None:
        """One statement for all jobs; one tenant per job, or several where there are many."""
        if tenants and self._session.is_postgres:
            values = {"queue": QUEUE, "task": task, "tenants": list(tenants), "size": -(-len(tenants) // JOBS_AT_ONCE)}
            values["trace"] = trace
            self._session.execute(_PUT_JOBS, values)

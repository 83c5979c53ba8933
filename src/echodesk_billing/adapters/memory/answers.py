"""Answers under idempotency keys, in memory."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.ports.storage import Answer


class MemoryAnswers:
    def __init__(self, memory: Contents) -> None:
        self._answers = memory.answers

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        known = self._answers.get((answer.owner, answer.key))
        if known is None or known.created_at < forget_before:
            self._answers[answer.owner, answer.key] = answer
            return answer, True
        is_abandoned = known.claimed_at is None or known.claimed_at < stale_before
        if known.status == 0 and is_abandoned and known.request_digest == answer.request_digest:
            known = evolve(known, claimed_at=answer.claimed_at)
            self._answers[answer.owner, answer.key] = known
            return known, True
        return known, False

    def reopen(self, owner: str, key: str) -> None:
        self._answers[owner, key] = evolve(self._answers[owner, key], claimed_at=None)

    def finish(self, answer: Answer) -> None:
        self._answers[answer.owner, answer.key] = answer

    def release(self, owner: str, key: str) -> None:
        self._answers.pop((owner, key), None)

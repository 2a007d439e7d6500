"""All kinds of jobs that the SyncActor carries out. A new kind is one file in actors/services/jobs and one line here."""

from collections.abc import Sequence
from typing import Any

from actors.ports.connecting import BotAccounts
from actors.ports.jobs import JobHandler
from actors.ports.time import Clock
from actors.runtime.sync_actor import Chore
from actors.services.connecting import Connecting
from actors.services.jobs.activity_retention import ActivityRetention
from actors.services.jobs.conversations_export import ConversationsExport
from actors.services.jobs.daily_digest import DailyDigest
from actors.services.jobs.registry import JobRegistry
from actors.services.jobs.rule_back_test import RuleBackTest
from actors.services.watching import Watching
from config.settings import Settings
from storage.back_tests import PostgresBackTests
from storage.connections import Bots
from storage.crypto import SecretBox, load_or_create_key
from storage.digests import PostgresDigests
from storage.exports import DiskExports, PostgresExportPages, exports_dir
from storage.postgres import Database
from storage.retention import PostgresRetention


def job_registry(database: Database, chosen: Settings, clock: Clock, *more: JobHandler[Any]) -> JobRegistry:
    """Return every kind of job on the real stores; `more` are those that ask systems outside."""
    return JobRegistry(
        ActivityRetention(PostgresRetention(database)),
        DailyDigest(PostgresDigests(database), clock, chosen.public_url),
        ConversationsExport(PostgresExportPages(database), DiskExports(exports_dir(chosen.data_dir)), clock),
        RuleBackTest(PostgresBackTests(database)),
        *more,
    )


def chores(database: Database, chosen: Settings, clock: Clock, accounts: BotAccounts) -> Sequence[Chore]:
    """Return what is to be done every minute beside the jobs."""
    exports = DiskExports(exports_dir(chosen.data_dir))
    bots = Bots(database, lambda: SecretBox(load_or_create_key(chosen.data_dir)))
    watching = Watching(bots, Connecting(accounts, chosen.public_url))
    return [lambda: exports.expire(clock.now()), watching.round]

"""Everything that the gateway answers over HTTP, in one list."""

from dataclasses import dataclass
from pathlib import Path

from actors.ports.knowledge import Knowledge
from gateway.api.accounts import AccountsApi
from gateway.api.actions import ActionsApi
from gateway.api.actors import ActorsApi
from gateway.api.agent_integrations import AgentIntegrationsApi
from gateway.api.agent_versions import AgentVersionsApi
from gateway.api.agents import AgentsApi
from gateway.api.assigning import AssigningApi
from gateway.api.back_tests import BackTestsApi
from gateway.api.chat import ChatApi
from gateway.api.checks import ChecksApi
from gateway.api.closing import ClosingApi
from gateway.api.configuration import ConfigurationApi
from gateway.api.control import ControlApi
from gateway.api.conversing import TestChatService
from gateway.api.dashboard import DashboardApi
from gateway.api.dashboard_export import DashboardExport
from gateway.api.digest import DigestApi
from gateway.api.enrollments import EnrollmentsApi
from gateway.api.exports import ExportsApi
from gateway.api.files import FilesApi
from gateway.api.from_site import FromSiteApi
from gateway.api.integrations import IntegrationsApi
from gateway.api.jobs import JobsApi, SchedulesApi
from gateway.api.knowledge import KnowledgeApi
from gateway.api.knowledge_incoming import KnowledgeIncomingApi
from gateway.api.knowledge_questions import QuestionsApi
from gateway.api.knowledge_sites import KnowledgeSitesApi
from gateway.api.kommo import KommoApi
from gateway.api.kommo_copy import KommoCopyApi
from gateway.api.live import LiveApi
from gateway.api.own_channel import OwnChannelApi
from gateway.api.people import KeysApi, TenantsApi, UsersApi
from gateway.api.reading import ReadingApi
from gateway.api.registry import Registry
from gateway.api.replays import ReplaysApi
from gateway.api.retention import RetentionApi
from gateway.api.rule_hooks import RuleHooksApi
from gateway.api.rules import RulesApi
from gateway.api.scripts import ScriptsApi
from gateway.api.sequences import SequencesApi
from gateway.api.stops import StopsApi
from gateway.api.telegram_link import TelegramLinkApi
from gateway.api.unanswered import UnansweredApi
from gateway.api.visits import VisitsApi
from gateway.api.widget_script import WidgetScript
from gateway.api.widgets import WidgetsApi
from gateway.auth import Callers
from gateway.channel_desk import ChannelDesk
from gateway.check_runs import CheckRuns
from gateway.connections import Connections
from gateway.console_files import ConsoleFiles
from gateway.directory import Directory
from gateway.health import Probe
from gateway.intake import Intake
from gateway.kommo_desk import KommoDesk
from gateway.kommo_pages import KommoPages
from gateway.metrics import Metrics
from gateway.origin import Origins
from gateway.own_channels import OwnChannels
from gateway.passwords import Passwords
from gateway.patience import Patience
from gateway.status_routes import StatusRoutes
from gateway.visiting import Visiting
from gateway.webhooks.kommo import KommoWebhook
from gateway.webhooks.kommo_chats import ChatHooks
from gateway.webhooks.kommo_salesbot import SalesbotRequests
from gateway.webhooks.rules import RuleWebhook
from gateway.webhooks.telegram import TelegramWebhook
from storage.idempotency import Idempotency
from storage.postgres import Database
from storage.signals import RedisSignals


@dataclass(frozen=True, slots=True)
class Services:
    """What the parts need."""

    api: Database
    signals: RedisSignals
    callers: Callers
    origins: Origins
    passwords: Passwords
    patience: Patience
    metrics: Metrics
    intake: Intake
    directory: Directory
    probe: Probe
    public_url: str
    knowledge: Knowledge
    reply_wait_s: float
    data_dir: Path
    kommo: KommoDesk
    own_channels: OwnChannels
    connections: Connections
    files: FilesApi
    control_socket: str
    asks: bool  # the installation has a model


@dataclass(frozen=True, slots=True)
class Surface:
    """All routes, and the parts that somebody else must know."""

    registry: Registry
    live: LiveApi
    visits: VisitsApi


def surface(have: Services) -> Surface:
    """Return the whole surface: a part that is not in this list has no route."""
    chats = TestChatService(have.api, have.intake, have.signals, have.patience, have.metrics, have.reply_wait_s)
    live = LiveApi(have.api, have.signals, have.callers, have.origins, have.patience)
    visits = VisitsApi(Visiting(have.api, have.intake, have.patience, have.metrics), have.signals, have.origins)
    checks = CheckRuns(have.api, have.knowledge, asks=have.asks)
    registry = Registry(have.callers, Idempotency(have.api))
    registry.add(
        StatusRoutes(have.probe, have.metrics),
        TelegramWebhook(have.directory, have.intake, have.metrics),
        KommoWebhook(have.directory, have.intake, have.metrics),
        SalesbotRequests(have.directory, have.intake, have.metrics, have.kommo),
        ChatHooks(have.own_channels, have.intake, have.metrics),
        RuleWebhook(have.api, have.directory, have.intake, have.metrics),
        AccountsApi(have.api, have.callers, have.origins, have.passwords),
        UsersApi(have.api, have.origins),
        KeysApi(have.api),
        TenantsApi(have.api),
        ConfigurationApi(have.api),
        AgentsApi(have.api),
        AgentVersionsApi(have.api, checks),
        FromSiteApi(have.api, have.signals),
        ChecksApi(have.api, checks),
        ScriptsApi(have.api, have.knowledge),
        RulesApi(have.api, have.signals),
        RuleHooksApi(have.api, have.directory, have.data_dir, have.public_url),
        ActionsApi(have.api),
        ActorsApi(have.api, have.control_socket),
        SequencesApi(have.api),
        EnrollmentsApi(have.api),
        AgentIntegrationsApi(have.api, have.directory, have.connections),
        IntegrationsApi(have.api, have.connections),
        ReadingApi(have.api),
        ControlApi(have.api, have.signals),
        AssigningApi(have.api, have.signals),
        ClosingApi(have.api, have.signals),
        UnansweredApi(have.api),
        have.files,
        TelegramLinkApi(have.api),
        StopsApi(have.api, have.signals),
        DashboardApi(have.api),
        DashboardExport(have.api),
        ChatApi(chats),
        JobsApi(have.api, have.signals),
        SchedulesApi(have.api, have.signals),
        DigestApi(have.api, have.signals),
        RetentionApi(have.api),
        ExportsApi(have.api, have.signals, have.data_dir),
        ReplaysApi(have.api, have.signals),
        BackTestsApi(have.api),
        live,
        WidgetsApi(have.api, have.public_url),
        KnowledgeApi(have.api, have.knowledge),
        QuestionsApi(have.api),
        KnowledgeIncomingApi(have.api, have.signals),
        KnowledgeSitesApi(have.api, have.signals),
        visits,
        WidgetScript(),
        KommoApi(have.kommo, have.directory),
        KommoCopyApi(have.api, have.signals),
        OwnChannelApi(ChannelDesk(have.kommo), have.own_channels),
        KommoPages(have.kommo, have.directory),
        ConsoleFiles(),
    )
    return Surface(registry, live, visits)

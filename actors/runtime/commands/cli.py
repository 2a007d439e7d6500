"""The command line: `callboard --help` lists the commands."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from getpass import getpass

from actors.domain.errors import CallboardError
from actors.runtime.commands import admin, configuration, doctor, telegram_connect
from actors.runtime.commands.handover import become
from actors.runtime.commands.places import find_places
from actors.runtime.supervisor.demo import login_url
from actors.runtime.supervisor.instance import InstanceError, acquire, prepare
from actors.runtime.supervisor.listening import ListenError
from actors.runtime.supervisor.ray_cluster import RayFailed
from actors.runtime.supervisor.say import Narrator
from actors.runtime.supervisor.stage_alone import StageAlone
from actors.runtime.supervisor.supervisor import Supervisor
from config.settings import Settings, SettingsError, settings
from storage.migrate import migrate
from storage.server_process import ServerFailed
from storage.service_account import NoIdentity

_SAID = (CallboardError, InstanceError, ListenError, NoIdentity, RayFailed, ServerFailed, SettingsError)
_INTERRUPTED = 130
Command = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a person can mend is one line, not a traceback."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command is not _program:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    command: Command = arguments.command
    try:
        return command(arguments, settings())
    except _SAID as error:
        sys.stderr.write(f"callboard: {error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `callboard explain 1 | head`
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="callboard", description="A chat gateway: what was acknowledged is answered, once.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "run", _run, "start everything and keep it running")
    _add(
        commands,
        "dev",
        _program,
        "the same classes as plain processes, started again when a file changes",
        module="actors.runtime.commands.dev",
    )
    _add(commands, "gateway", _program, "one more gateway, for several machines", module="gateway")
    _add(commands, "stage", _stage, "the stage alone, on the Ray of RAY_ADDRESS or on one of its own", module="actors.runtime.stage")
    _add(commands, "migrate", _migrate, "bring the database to this version")
    _add(commands, "doctor", _doctor, "check Python, data directory, servers, roles, heartbeat")
    explain = _add(commands, "explain", _explain, "tell what happened to a message, step by step")
    explain.add_argument("message_id", type=int)
    keys = _add(commands, "api-key", _create_key, "create API keys")
    keys.add_argument("action", choices=["create"])
    keys.add_argument("--tenant", required=True, help="its slug, as demo")
    keys.add_argument("--role", required=True, choices=["owner", "admin", "operator", "viewer"])
    keys.add_argument("--name", default="command line", help="for people, to tell keys apart")
    link = _add(commands, "login-link", _login_link, "make a link that lets a user into the console, once, within 24 hours")
    link.add_argument("--tenant", required=True, help="its slug, as demo")
    link.add_argument("--email", default="", help="whose; the oldest owner's if not given")
    telegram = _add(commands, "telegram", _connect_telegram, "connect a Telegram bot; asks for its token, or reads it from a pipe")
    telegram.add_argument("action", choices=["connect"])
    telegram.add_argument("--tenant", required=True, help="its slug, as demo")
    _add_configuration(commands)
    actors = _add(commands, "actors", _actors, "look at conversation actors")
    actors.add_argument("action", choices=["show"])
    actors.add_argument("conversation", type=int)
    return parser


def _add_configuration(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = _add(commands, "export", _export, "write a tenant's configuration as a file: agents, scripts, rules, sequences, documents")
    export.add_argument("--tenant", required=True, help="its slug, as demo")
    take_in = _add(commands, "import", _import, "take such a file in: all of it, or nothing")
    take_in.add_argument("file", help="- reads standard input")
    take_in.add_argument("--tenant", required=True, help="its slug, as demo")
    take_in.add_argument("--dry-run", action="store_true", help="only say what would change")
    take_in.add_argument("--prune", action="store_true", help="delete what the file does not have; agents are archived")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command, words: str, **defaults: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(command=command, **defaults)
    return parser


def _run(_: argparse.Namespace, known: Settings) -> int:
    instance = acquire(prepare(known.data_dir))
    asyncio.run(Supervisor(known, instance, Narrator()).run())
    return 0


def _program(arguments: argparse.Namespace, known: Settings) -> int:
    become(arguments.module, arguments.rest, known)
    return 0


def _stage(arguments: argparse.Namespace, known: Settings) -> int:
    places = find_places(known)
    if places.ray_address:
        return _program(arguments, known)
    if not places.redis_url:
        raise SettingsError("a stage alone needs REDIS_URL beside DATABASE_URL")
    instance = acquire(prepare(known.data_dir))
    asyncio.run(StageAlone(known, instance, Narrator()).run())
    return 0


def _migrate(_: argparse.Namespace, known: Settings) -> int:
    applied = asyncio.run(migrate(find_places(known).database_url))
    Narrator.plain("\n".join(f"applied {name}" for name in applied) or "nothing to do: the database is up to date")
    return 0


def _create_key(arguments: argparse.Namespace, known: Settings) -> int:
    key = asyncio.run(admin.create_key(find_places(known).database_url, arguments.tenant, arguments.role, arguments.name))
    Narrator.plain(f"A key of tenant {arguments.tenant}, role {arguments.role}. It is shown once; keep it.\n{key}")
    return 0


def _login_link(arguments: argparse.Namespace, known: Settings) -> int:
    places = find_places(known)
    email, token = asyncio.run(admin.login_token(places.database_url, arguments.tenant, arguments.email))
    base = known.public_url or (places.running.url if places.running else "") or f"http://{known.host}:{known.port}"
    Narrator.plain(f"A link for {email}. It works once, within 24 hours; earlier ones ended.\n{login_url(base, token)}")
    return 0


def _connect_telegram(arguments: argparse.Namespace, known: Settings) -> int:
    token = getpass("Token from @BotFather: ") if sys.stdin.isatty() else sys.stdin.readline()
    telegram_connect.connect(find_places(known).database_url, known, arguments.tenant, token, Narrator.plain)
    return 0


def _explain(arguments: argparse.Namespace, known: Settings) -> int:
    Narrator.plain("\n".join(asyncio.run(admin.explain(find_places(known).database_url, arguments.message_id))))
    return 0


def _actors(arguments: argparse.Namespace, known: Settings) -> int:
    Narrator.plain("\n".join(asyncio.run(admin.show_actor(find_places(known).database_url, arguments.conversation))))
    return 0


def _export(arguments: argparse.Namespace, known: Settings) -> int:
    sys.stdout.write(asyncio.run(configuration.exported(find_places(known).database_url, arguments.tenant)))
    return 0


def _import(arguments: argparse.Namespace, known: Settings) -> int:
    text, places = configuration.read_file(arguments.file), find_places(known)
    work = configuration.imported(places.database_url, arguments.tenant, text, prune=arguments.prune, dry_run=arguments.dry_run)
    Narrator.plain("\n".join(asyncio.run(work)))
    return 0


def _doctor(_: argparse.Namespace, known: Settings) -> int:
    return asyncio.run(_examine(known))


async def _examine(known: Settings) -> int:
    good = True
    async for finding in doctor.examine(known):
        Narrator.plain(str(finding))
        good = good and finding.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

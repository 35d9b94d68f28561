"""The command line as a user meets it: what it does, what it prints where, and with which exit code it ends."""

import contextlib
import json
import os
import pathlib
import pty
import re
import socket
import sqlite3
import subprocess

import pytest
from service import BINARY, MIGRATIONS, SEEDS, Server, environment, run_api

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ESCAPE = "\x1b["

FIRST, SECOND, THIRD = "20260101000000_birds", "20260102000000_nests", "20260103000000_eggs"


class Workplace:
    """A folder with three migrations and two seeds, where commands are run as a user would."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.database = folder / "birds.db"
        self.migrations = folder / "Migrations"
        self.seeds = folder / "Seeds"
        self.migrations.mkdir()
        self.seeds.mkdir()
        for name in (FIRST, SECOND, THIRD):
            table = name.partition("_")[2]
            self.write_migration(name, f"CREATE TABLE {table} (name TEXT) STRICT;", f"DROP TABLE {table};")
        (self.seeds / "20260101000000_owls.sql").write_text("INSERT INTO birds VALUES ('owl');\n")
        (self.seeds / "20260102000000_wrens.sql").write_text("INSERT INTO birds VALUES ('wren');\n")

    def write_migration(self, name: str, up: str, down: str) -> pathlib.Path:
        file = self.migrations / f"{name}.sql"
        file.write_text(f"-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n")
        return file

    def api(self, *arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command, which must end with `code`, and with a message on standard error unless that is 0."""
        done = run_api(*arguments, cwd=self.folder, **{"DB_PATH": str(self.database)} | variables)
        assert done.returncode == code, done
        if code:
            assert done.stderr.strip()
        return done

    def migrate(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.api("migrate", *arguments, "--migrations", str(self.migrations), code=code)

    def seed(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self.api("seed", *arguments, "--seeds", str(self.seeds), code=code)

    def tables(self) -> set[str]:
        """The tables that the migrations make, as far as they are there."""
        rows = self.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {name for (name,) in rows} & {"birds", "nests", "eggs"}

    def query(self, sql: str) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def applied(self) -> list[str]:
        """The names in `migrate list --json` of what has run."""
        rows = json.loads(self.migrate("list", "--json").stdout)
        assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
        return [row["name"] for row in rows if any(TIME.fullmatch(str(value)) for value in row.values())]


@pytest.fixture
def workplace(tmp_path: pathlib.Path) -> Workplace:
    return Workplace(tmp_path)


# Help, mistakes, versions


@pytest.mark.parametrize("arguments", [("help",), ("--help",)])
def test_help_lists_the_commands_on_standard_output(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    done = workplace.api(*arguments)
    for command in ("serve", "migrate", "seed", "openapi", "config", "version", "help", "completions"):
        assert re.search(rf"^\s+{command}\b", done.stdout, re.MULTILINE), command
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("help", "serve"), ["--port", "PORT", "8080", "--host", "--db", "DB_PATH", "migrate"]),
        (("serve", "--help"), ["--head-timeout", "--max-connections", "--log-format"]),
        (("help", "migrate"), ["latest", "up", "down", "rollback", "list", "make"]),
        (("migrate", "list", "--help"), ["--fail-on-pending", "--json"]),
        (("help", "seed"), ["run", "list", "make"]),
    ],
)
def test_help_of_a_command_names_its_options(workplace: Workplace, arguments: tuple[str, ...], says: list[str]) -> None:
    text = workplace.api(*arguments).stdout
    for word in says:
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("serv",), "serve"),
        (("migrate", "lastest"), "latest"),
        (("migrate:lst",), "list"),
        (("serve", "--prot", "1"), "--port"),
        (("serve", "--port", "eighty"), "--port"),
        (("serve", "--port", "65536"), "65535"),
        (("serve", "--port"), "--port"),
        (("serve", "--head-timeout", "2"), "2s"),
        (("serve", "--log-format", "xml"), "json"),
        (("migrate", "rollback"), "--all"),
        (("migrate", "make"), "NAME"),
        (("help", "serv"), "serve"),
        (("completions", "tcsh"), "bash"),
        (("version", "surplus"), "surplus"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_would_be_right(
    workplace: Workplace, arguments: tuple[str, ...], suggestion: str
) -> None:
    done = workplace.api(*arguments, code=2)
    assert suggestion in done.stderr
    assert done.stdout == ""
    assert not workplace.database.exists(), "a refused command had an effect"


def test_a_wrong_environment_variable_is_named(workplace: Workplace) -> None:
    assert "PORT" in workplace.api("serve", code=2, PORT="eighty").stderr


def test_version_says_who_it_is(workplace: Workplace) -> None:
    assert re.search(r"\d", workplace.api("version").stdout)


def test_openapi_prints_what_is_served(workplace: Workplace, server: Server) -> None:
    assert json.loads(workplace.api("openapi").stdout) == server.get("/openapi.json")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_know_the_commands(workplace: Workplace, shell: str) -> None:
    script = workplace.api("completions", shell).stdout
    for word in ("serve", "migrate", "rollback", "fail-on-pending"):
        assert word in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def completed(script: str, words: list[str]) -> set[str]:
    """What bash offers after `words`, the last of which is unfinished."""
    quoted = " ".join(f"'{word}'" for word in words)
    probe = f"""
        {script}
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        COMP_LINE="{" ".join(words)}"; COMP_POINT=${{#COMP_LINE}}
        function=$(complete -p api | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p')
        $function api "{words[-1]}" "{words[-2]}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=True)
    return {word.strip() for word in done.stdout.splitlines()}


def test_bash_completes_commands_and_options(workplace: Workplace) -> None:
    script = workplace.api("completions", "bash").stdout
    assert "migrate" in completed(script, ["api", "mig"])
    assert {"list", "latest"} <= completed(script, ["api", "migrate", "l"])
    assert "--fail-on-pending" in completed(script, ["api", "migrate", "list", "--fail"])


def test_colours_are_for_terminals_that_want_them(workplace: Workplace) -> None:
    def on_a_terminal(**variables: str) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [BINARY, "serv"], env=environment(TERM="xterm", **variables), stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        text = b""
        with contextlib.suppress(OSError):  # how a terminal says that its other side went
            while data := os.read(ours, 4096):
                text += data
        os.close(ours)
        assert process.wait(10) == 2
        return text.decode()

    assert ESCAPE in on_a_terminal()
    assert ESCAPE not in on_a_terminal(NO_COLOR="1")
    assert ESCAPE not in workplace.api("serv", code=2).stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{BINARY}" openapi | head -c 1 >/dev/null'],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Configuration


def test_config_print_says_what_holds_and_where_it_came_from(workplace: Workplace) -> None:
    text = workplace.api("config", "print", PORT="9123").stdout
    (port,) = [line for line in text.splitlines() if line.startswith("port ")]
    assert "9123" in port
    assert "PORT" in port
    (host,) = [line for line in text.splitlines() if line.startswith("host ")]
    assert "0.0.0.0" in host
    assert "default" in host


def test_an_option_wins_over_the_environment(workplace: Workplace) -> None:
    text = workplace.api("config", "print", "--port", "9124", PORT="9123").stdout
    assert "9124" in text
    assert "9123" not in text


def test_config_print_is_also_json(workplace: Workplace) -> None:
    rows = json.loads(workplace.api("config", "print", "--json", PORT="9123").stdout)
    (port,) = [row for row in rows if row["setting"] == "port"]
    assert port["value"] == "9123"
    assert "PORT" in port["source"]


@pytest.mark.parametrize("command", [("serve",), ("config", "print")])
@pytest.mark.parametrize("mistake", [("--port", "65536"), ("--head-timeout", "2"), ("--max-header", "1TB")])
def test_config_print_refuses_what_serve_refuses(
    workplace: Workplace, command: tuple[str, ...], mistake: tuple[str, str]
) -> None:
    done = workplace.api(*command, *mistake, code=2)
    assert mistake[0] in done.stderr
    assert done.stdout == ""


# Migrations


def test_latest_applies_all_that_is_pending_once(workplace: Workplace) -> None:
    workplace.migrate("latest")
    assert workplace.tables() == {"birds", "nests", "eggs"}
    assert workplace.applied() == [FIRST, SECOND, THIRD]
    workplace.migrate("latest")
    assert workplace.applied() == [FIRST, SECOND, THIRD]


def test_up_and_down_go_one_step(workplace: Workplace) -> None:
    workplace.migrate("up")
    assert (workplace.tables(), workplace.applied()) == ({"birds"}, [FIRST])
    workplace.migrate("up")
    assert (workplace.tables(), workplace.applied()) == ({"birds", "nests"}, [FIRST, SECOND])
    workplace.migrate("down")
    assert (workplace.tables(), workplace.applied()) == ({"birds"}, [FIRST])


def test_up_with_a_name_goes_up_to_and_including_it(workplace: Workplace) -> None:
    workplace.migrate("up", SECOND)
    assert workplace.applied() == [FIRST, SECOND]


def test_down_with_a_name_undoes_what_came_after_it(workplace: Workplace) -> None:
    workplace.migrate("latest")
    workplace.migrate("down", FIRST)
    assert (workplace.tables(), workplace.applied()) == ({"birds"}, [FIRST])


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_name_that_no_migration_has_is_refused(workplace: Workplace, verb: str) -> None:
    workplace.migrate("up")
    assert "20990101000000_moons" in workplace.migrate(verb, "20990101000000_moons", code=1).stderr
    assert workplace.applied() == [FIRST]


def test_rollback_undoes_all(workplace: Workplace) -> None:
    workplace.migrate("latest")
    workplace.migrate("rollback", "--all")
    assert (workplace.tables(), workplace.applied()) == (set(), [])


def test_list_shows_what_ran_when_and_what_is_pending(workplace: Workplace) -> None:
    workplace.migrate("up")
    lines = workplace.migrate("list").stdout.splitlines()
    (first,) = [line for line in lines if FIRST in line]
    (second,) = [line for line in lines if SECOND in line]
    assert TIME.search(first)
    assert not TIME.search(second)
    assert "pending" in second


def test_list_fails_on_pending_only_when_asked(workplace: Workplace) -> None:
    workplace.migrate("list")
    workplace.migrate("list", "--fail-on-pending", code=1)
    workplace.migrate("latest")
    workplace.migrate("list", "--fail-on-pending")


def test_the_old_forms_with_a_colon_work(workplace: Workplace) -> None:
    folder = ("--migrations", str(workplace.migrations))
    workplace.api("migrate:up", *folder)
    assert workplace.applied() == [FIRST]
    workplace.api("migrate:latest", *folder)
    assert FIRST in workplace.api("migrate:list", *folder).stdout
    workplace.api("migrate:down", *folder)
    assert workplace.applied() == [FIRST, SECOND]
    workplace.api("migrate:rollback", "--all", *folder)
    assert workplace.applied() == []
    workplace.api("migrate:make", "herons", *folder)
    workplace.migrate("latest")
    workplace.api("seed:run", "--seeds", str(workplace.seeds))
    workplace.api("seed:make", "herons", "--seeds", str(workplace.seeds))
    assert workplace.query("SELECT count(*) FROM birds") == [(2,)]


def test_options_take_their_value_in_all_three_forms(workplace: Workplace) -> None:
    for name, form in [(FIRST, ["--db", "own.db"]), (SECOND, ["--db=own.db"]), (THIRD, ["-db", "own.db"])]:
        done = workplace.migrate("up", *form)
        assert name in done.stdout + done.stderr
    assert (workplace.folder / "own.db").exists()
    assert not workplace.database.exists()


def test_make_writes_a_migration_that_can_be_applied_and_undone(workplace: Workplace) -> None:
    workplace.migrate("latest")
    workplace.migrate("make", "add_herons")
    (file,) = workplace.migrations.glob("*_add_herons.sql")
    assert file.name > f"{THIRD}.sql", "it would not come last"
    text = file.read_text()
    assert "-- migrate:up" in text
    assert "-- migrate:down" in text
    workplace.migrate("latest")
    assert workplace.applied()[-1] == file.stem
    workplace.migrate("down")
    assert workplace.applied() == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_make_tells_the_path_as_text_and_as_json(workplace: Workplace, command: str) -> None:
    path = workplace.api(command, "make", "herons").stdout.removesuffix("\n")
    assert (workplace.folder / path).is_file()
    (row,) = json.loads(workplace.api(command, "make", "wrens", "--json").stdout)
    assert (workplace.folder / row["path"]).is_file()


@pytest.mark.parametrize("name", ["../outside", "a/b", "", "a b\n"])
def test_make_refuses_a_name_that_is_no_file_name(workplace: Workplace, name: str) -> None:
    before = sorted(workplace.folder.rglob("*"))
    done = run_api("migrate", "make", name, "--migrations", str(workplace.migrations), cwd=workplace.folder)
    assert done.returncode in (1, 2)
    assert sorted(workplace.folder.rglob("*")) == before


def test_a_failing_migration_leaves_nothing_behind_and_names_its_statement(workplace: Workplace) -> None:
    broken = "20260104000000_broken"
    workplace.write_migration(broken, "CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);", "SELECT 1;")
    said = workplace.migrate("latest", code=1).stderr
    assert broken in said
    assert "nowhere" in said
    assert workplace.applied() == [FIRST, SECOND, THIRD]
    assert workplace.query("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == [(0,)]


def test_an_applied_file_that_changed_is_refused_by_name(workplace: Workplace) -> None:
    workplace.migrate("up", SECOND)
    workplace.write_migration(FIRST, "CREATE TABLE birds (name TEXT, wings INTEGER) STRICT;", "DROP TABLE birds;")
    assert FIRST in workplace.migrate("latest", code=1).stderr
    assert workplace.tables() == {"birds", "nests"}


def test_an_applied_file_that_vanished_is_refused_by_name(workplace: Workplace) -> None:
    workplace.migrate("up", SECOND)
    (workplace.migrations / f"{FIRST}.sql").unlink()
    assert FIRST in workplace.migrate("latest", code=1).stderr
    assert workplace.tables() == {"birds", "nests"}


def test_a_database_newer_than_the_files_is_refused(workplace: Workplace) -> None:
    workplace.migrate("latest")
    (workplace.migrations / f"{THIRD}.sql").unlink()
    assert THIRD in workplace.migrate("latest", code=1).stderr
    arguments = ("--port", "0", "--host", "127.0.0.1", "--migrations", str(workplace.migrations))
    assert THIRD in workplace.api("serve", *arguments, code=1).stderr


def test_two_processes_cannot_migrate_at_once(workplace: Workplace) -> None:
    for number in range(40):
        name = f"202602{number:02}000000_more"
        workplace.write_migration(name, f"CREATE TABLE more{number} (a);", f"DROP TABLE more{number};")
    command = [BINARY, "migrate", "latest", "--migrations", str(workplace.migrations)]
    started = [
        subprocess.Popen(command, env=environment(DB_PATH=str(workplace.database)), stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=30)[1] for process in started]
    codes = [process.returncode for process in started]
    assert 0 in codes, said
    assert set(codes) <= {0, 1}, said
    assert len(workplace.applied()) == 43
    # Whoever failed may only have been kept out, not have applied something twice.
    assert not any("already exists" in text for text in said), said


def test_the_migrations_of_the_service_can_be_undone_and_done_again(workplace: Workplace) -> None:
    folder = ("--migrations", str(MIGRATIONS))
    workplace.api("migrate", "latest", *folder)
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2"
    before = workplace.query(schema)
    assert {"tasks", "users"} <= {name for _, name, _ in before}
    workplace.api("migrate", "rollback", "--all", *folder)
    assert not {"tasks", "users", "pastes"} & {name for _, name, _ in workplace.query(schema)}
    workplace.api("migrate", "latest", *folder)
    assert workplace.query(schema) == before


# Seeds


@pytest.mark.parametrize("verb", [(), ("run",)])
def test_seeds_run_once_unless_forced(workplace: Workplace, verb: tuple[str, ...]) -> None:
    birds = "SELECT name FROM birds ORDER BY rowid"
    workplace.migrate("latest")
    workplace.seed(*verb)
    assert workplace.query(birds) == [("owl",), ("wren",)]
    workplace.seed(*verb)
    assert workplace.query(birds) == [("owl",), ("wren",)]
    workplace.seed(*verb, "--force")
    assert workplace.query(birds) == [("owl",), ("wren",)] * 2


def test_one_seed_can_be_chosen(workplace: Workplace) -> None:
    workplace.migrate("latest")
    workplace.seed("run", "--specific", "20260102000000_wrens")
    assert workplace.query("SELECT name FROM birds") == [("wren",)]
    workplace.seed("run", "--specific", "20990101000000_moons", code=1)


def test_seed_list_names_them_and_says_which_ran(workplace: Workplace) -> None:
    workplace.migrate("latest")
    workplace.seed("run", "--specific", "20260102000000_wrens")
    rows = json.loads(workplace.seed("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["20260101000000_owls", "20260102000000_wrens"]
    assert [any(TIME.fullmatch(str(value)) for value in row.values()) for row in rows] == [False, True]
    assert "20260101000000_owls" in workplace.seed("list").stdout


def test_seed_make_writes_a_file_that_comes_last(workplace: Workplace) -> None:
    workplace.seed("make", "herons")
    (file,) = workplace.seeds.glob("*_herons.sql")
    assert file.name > "20260102000000_wrens.sql"


def test_a_failing_seed_leaves_nothing_behind(workplace: Workplace) -> None:
    workplace.migrate("latest")
    broken = "20260103000000_broken"
    (workplace.seeds / f"{broken}.sql").write_text(
        "INSERT INTO birds VALUES ('dodo');\nINSERT INTO nowhere VALUES (1);"
    )
    assert broken in workplace.seed(code=1).stderr
    assert workplace.query("SELECT count(*) FROM birds WHERE name = 'dodo'") == [(0,)]


def test_the_seeds_of_the_service_hold_the_articles_people(workplace: Workplace) -> None:
    workplace.api("migrate", "latest", "--migrations", str(MIGRATIONS))
    workplace.api("seed", "--seeds", str(SEEDS))
    people = workplace.query("SELECT first_name, last_name FROM users ORDER BY id")
    assert people == [("Taro", "Yamada"), ("Hanako", "Suzuki")]
    assert workplace.query("SELECT count(*) > 0 FROM tasks") == [(1,)]


# Serving


def test_serve_on_a_taken_port_says_so(workplace: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ("--host", "127.0.0.1", "--port", str(port), "--migrations", str(MIGRATIONS))
        assert str(port) in workplace.api("serve", *arguments, code=1).stderr


def test_two_services_cannot_share_a_port(start_server, workplace: Workplace) -> None:
    port = start_server().port
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--migrations", str(MIGRATIONS))
    assert str(port) in workplace.api("serve", *arguments, code=1).stderr


def test_serve_on_a_file_that_is_no_database_says_so(workplace: Workplace) -> None:
    workplace.database.write_text("This is no database. " * 100)
    arguments = ("--host", "127.0.0.1", "--port", "0", "--migrations", str(MIGRATIONS))
    done = workplace.api("serve", *arguments, code=1)
    assert str(workplace.database) in done.stderr
    assert workplace.database.read_text().startswith("This is no database.")


@pytest.mark.parametrize("path", [":memory:", "file:birds.db?mode=memory", ".", "Seeds/"])
def test_serve_on_what_is_no_file_says_so(workplace: Workplace, path: str) -> None:
    done = workplace.api("serve", "--db", path, "--port", "0", "--migrations", str(MIGRATIONS), code=1)
    assert path in done.stderr
    assert "--db" in done.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate", "latest"), ("seed",)])
def test_nothing_is_made_in_a_wrong_folder(tmp_path: pathlib.Path, command: tuple[str, ...]) -> None:
    done = run_api(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert "no such folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_has_one_owner_whatever_it_is_called(start_server, workplace: Workplace) -> None:
    server = start_server(database=workplace.database)
    (workplace.folder / "link.db").symlink_to(workplace.database)
    (workplace.folder / "deeper").mkdir()
    for name in ("link.db", "deeper/../birds.db"):
        said = workplace.api("migrate", "latest", "--db", name, "--migrations", str(MIGRATIONS), code=1).stderr
        assert str(server.pid) in said


def test_a_closed_standard_output_is_given_to_no_file(workplace: Workplace) -> None:
    arguments = ["migrate", "latest", "--migrations", str(workplace.migrations), "--json"]
    done = subprocess.run(
        [BINARY, *arguments],
        env=environment(DB_PATH=str(workplace.database)),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.close(1),
        timeout=30,
    )
    assert done.returncode == 1
    assert "output" in done.stderr
    assert workplace.applied() == [FIRST, SECOND, THIRD]
    assert "applied" not in pathlib.Path(f"{workplace.database}.lock").read_text()


def test_serve_makes_the_folder_of_its_database(start_server, tmp_path: pathlib.Path) -> None:
    server = start_server(database=tmp_path / "new" / "deeper" / "holdfast.db")
    assert server.add_task("first") == 1


def test_serve_that_may_not_migrate_is_alive_but_not_ready(start_server) -> None:
    server = start_server(no_migrate=True)
    assert server.get("/healthz") == {"status": "ok"}
    with contextlib.closing(server.client()) as client:
        client.request("GET", "/readyz")
        response = client.getresponse()
        assert response.status == 503
        assert json.load(response)["detail"] == "Migrations are pending."


# `api health`


def test_health_is_0_when_the_service_lives_and_1_when_nobody_answers(server: Server, tmp_path: pathlib.Path) -> None:
    alive = run_api("health", cwd=tmp_path, PORT=str(server.port))
    assert (alive.returncode, json.loads(alive.stdout)) == (0, {"status": "ok"})
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = run_api("health", "--port", str(unused.getsockname()[1]), cwd=tmp_path)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "does not answer" in nobody.stderr


def test_health_knows_ready_from_alive(start_server, tmp_path: pathlib.Path) -> None:
    pending = start_server(no_migrate=True)
    assert run_api("health", cwd=tmp_path, PORT=str(pending.port)).returncode == 0
    ready = run_api("health", "--ready", cwd=tmp_path, PORT=str(pending.port))
    assert ready.returncode == 1
    assert "pending" in ready.stdout

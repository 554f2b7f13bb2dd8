"""Every command answers in any terminal: help in sections, one style of errors, ASCII signs, no control characters."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.cli.terminal import ascii_of
from mood_core.domain.records import Track, User
from mood_core.installation import install_extra
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.lake.schema import LISTENS, MOODS, TRACKS, USERS
from mood_core.store.queries.history import HistoryFilter, days_with_listens, mood_counts
from tests.served_pages import served
from tests.store_data import NOW, listens, moods, set_current

_BIDI = "\u202e\u2066\u2069\u200f"
_TRACK = "a" * 22


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def history(home: Path) -> Path:
    """One person with a listen; name and title have bidirectional controls and letters that ASCII lacks."""
    track = Track(_TRACK, f"Café {_BIDI}gpj", (f"Björk{_BIDI}",), release_date="2019-05-01")
    with Workspace() as workspace:
        workspace.batches.add(USERS, users_table([User("ada", f"Adá{_BIDI}", "Europe/Berlin", NOW)], NOW), now=NOW)
        workspace.batches.add(TRACKS, to_table(TRACKS, [track]), now=NOW)
        workspace.batches.add(LISTENS, listens([("ada", NOW - timedelta(days=9), _TRACK)]), now=NOW)
    return home


def test_the_help_lists_every_command_in_a_section() -> None:
    shown = _moodlog("--help").stdout
    titles = re.findall(r"^(\w+):$", shown, re.MULTILINE)
    assert (
        titles == ["Usage", "Options", "Start", "Look", "Answer", "People", "Data", "Model", "Upkeep"][-len(titles) :]
    )
    listed = re.findall(r"^  ([a-z]+) ", shown.partition("Start:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(main.list_commands(None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["statsu"], ("statsu", "status", "--help")),
        (["users", "lst"], ("lst", "list", "users --help")),
        (["status", "--jsno"], ("--jsno", "--json", "status --help")),
        (["--versoin"], ("--versoin", "--version", "--help")),
        (["run", "--from", "yesterday"], ("yesterday", "2026-11-24", "run --help")),
        (["import"], ("PATH", "zip", "import --help")),
    ],
)
def test_a_usage_error_is_one_line_that_says_what_was_meant(arguments: list[str], named: tuple[str, ...]) -> None:
    done = _moodlog(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("moodlog: ")
    assert done.stderr.count("\n") == 1
    assert [word for word in named if word not in done.stderr] == []


def _completed(words: str, **others: str) -> list[str]:
    """What the shell offers for the last of ``words``; nothing may be written to stderr."""
    completing = {"_MOODLOG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command, environment = [Path(sys.executable).with_name("moodlog")], {**os.environ, **completing, **others}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_knows_the_commands_and_options() -> None:
    assert sorted(_completed("moodlog rec")) == ["recap", "reconnect"]
    assert _completed("moodlog status --js") == ["--json"]


@pytest.mark.parametrize(
    "encoding", ["cp1252", "ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("latin-1", "cp437"))]
)
def test_signs_and_letters_fall_back_where_the_encoding_lacks_them(history: Path, encoding: str) -> None:
    code = (
        "import sys\nfrom flows.cli import main\n"
        "for words in sys.argv[1:]:\n    main(words.split(), standalone_mode=False)\n"
    )
    commands = ["history", "history --by track", "history --json", "recap", "status", "status --all", "users list"]
    commands += ["doctor", "--help", "report --out page.html", "users rename ada Bj\u00f6rk\u30c4"]
    done = subprocess.run(
        [sys.executable, "-c", code, *commands],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "60"},
        capture_output=True,
        check=False,
        timeout=600,
    )
    text = done.stdout.decode(encoding)
    assert "Traceback" not in done.stderr.decode(encoding)
    assert done.returncode in (0, 1)
    legend = next(line for line in text.splitlines() if "Energetic" in line)
    assert legend.encode("ascii", "replace").decode().startswith("o Calm  ^ Energetic  * Happy  v Sad")
    assert "Caf" in text
    [day] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert day["display_name"] == f"Adá{_BIDI}", "JSON has the data as they are"


@pytest.mark.parametrize(
    "command", ["history", "history --by track", "recap", "status", "users list", "users rename ada Adá"]
)
def test_bidirectional_controls_never_reach_the_terminal(history: Path, command: str) -> None:
    done = _moodlog(*command.split())
    assert done.exit_code == 0, done.output
    assert "Adá" in done.output
    assert not set(_BIDI) & set(done.stdout + done.stderr)


def test_no_text_commands_the_terminal() -> None:
    code = "import sys, click\nfrom mood_core.cli.terminal import fit_streams\nfit_streams()\n"
    code += "click.echo(sys.argv[1], color=True)"
    text = "\033[31mred\033[0m\ttab \033]52;c;YQ==\007 \033P q\033\\ \x9d0;title\x9c \b\x7f end"
    shown = subprocess.run([sys.executable, "-c", code, text], capture_output=True, check=True, timeout=60).stdout
    assert (
        shown.decode()
        == "\033[31mred\033[0m\ttab \ufffd]52;c;YQ==\ufffd \ufffdP q\ufffd\\ \ufffd0;title\ufffd \ufffd\ufffd end\n"
    )


@pytest.mark.parametrize("command", ["history", "status", "recap", "users list"])
def test_an_empty_home_names_both_ways_to_start(home: Path, command: str) -> None:
    done = _moodlog(*command.split())
    assert done.exit_code == 0
    assert "moodlog connect" in done.output
    assert "moodlog import" in done.output
    assert max(map(len, done.output.splitlines()[:4])) < 100, "a hint has short lines"


@pytest.mark.parametrize("command", ["report --out page.html", "report", "recap --out page.png"])
def test_nothing_is_written_that_would_be_empty(
    home: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = _moodlog(*command.split())
    assert (done.exit_code, "was not written" in done.stderr) == (2, True), done.output
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".html", ".png")]


@pytest.mark.parametrize("name", ["year", "year.txt", "year.jpg"])
def test_a_recap_is_drawn_to_a_picture_or_a_page_only(history: Path, tmp_path: Path, name: str) -> None:
    done = _moodlog("recap", "--month", "2026-11", "--out", str(tmp_path / name))
    assert (done.exit_code, done.stdout, (tmp_path / name).exists()) == (2, "", False)
    assert ".png" in done.stderr


@pytest.mark.parametrize("command", ["report --out", "recap --month 2026-11 --out"])
def test_a_full_disk_leaves_the_earlier_page_and_nothing_else(history: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "out" / ("page.html" if "report" in command else "page.png")
    out.parent.mkdir()
    assert _moodlog(*command.split(), str(out)).exit_code == 0
    before = out.read_bytes()
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"  # SQLite maps 32 KiB
    code = f"{limited} from flows.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split(), str(out)], capture_output=True, check=False, timeout=600
    )
    assert done.returncode != 0
    assert b"cannot be written: File too large" in done.stderr, done.stderr
    assert [path.read_bytes() for path in out.parent.iterdir()] == [before]


def test_names_of_files_and_people_control_no_terminal(home: Path, tmp_path: Path) -> None:
    name = "e\033[31mvil\n2\u202e.json"
    (tmp_path / f"Streaming_History_Audio_{name}").write_text("[{", encoding="utf-8")
    (tmp_path / name).write_text("[]", encoding="utf-8")
    done = _moodlog("import", str(tmp_path), "--dry-run", "--user", "Ada")
    with Workspace() as workspace:
        people = users_table([User("e\033[1m", "Ada \033[31m\nBob", "UTC", NOW)], NOW)
        workspace.batches.add(USERS, people, now=NOW)
    said = [done, *(_moodlog(*words.split()) for words in ("status", "status --all", "users list", "history", "recap"))]
    assert "vil" in done.output
    assert [each.output for each in said if "\033" in each.output or "\nBob" in each.output] == []


def test_a_person_is_completed_and_a_similar_name_is_asked_about(history: Path, tmp_path: Path) -> None:
    assert "Did you mean ada?" in _moodlog("users", "rename", "Ada-5", "P01").stderr
    assert _completed("moodlog history --user A")[0].startswith("Adá")
    assert _completed("moodlog users pause A")[0].startswith("Adá")
    assert _completed("moodlog history --user B") == []
    missing = tmp_path / "nowhere"
    assert _completed("moodlog history --user A", MOODLOG_HOME=str(missing)) == []
    assert not missing.exists(), "a completion creates no database"


def test_years_are_the_sums_of_months(history: Path) -> None:
    with Workspace() as workspace:
        plays = [("ada", NOW - timedelta(days=day), _TRACK) for day in (400, 500, 800)]
        workspace.batches.add(LISTENS, listens(plays), now=NOW)
    years = [json.loads(line) for line in _moodlog("history", "--by", "year", "--json").stdout.splitlines()]
    assert {line["year"]: line["listens"]["Unlabelled"] for line in years} == {"2024": 1, "2025": 2, "2026": 1}


def test_an_imported_person_is_shown_as_imported_and_counts_have_one_style(history: Path) -> None:
    with Workspace() as workspace:
        plays = [("ada", NOW - timedelta(days=10, minutes=4 * minute), _TRACK) for minute in range(1200)]
        workspace.batches.add(LISTENS, listens(plays), now=NOW)
    said = _moodlog("status").stdout
    assert ("imported" in said, "unconnected" in said, "spotify" in said) == (True, False, False)
    assert ("1\u202f201" in said, "1201" in said) == (True, False)


def test_a_recap_has_a_line_for_each_sentence(history: Path) -> None:
    done = _moodlog("recap", "--year", "2026")
    first, *others = done.stdout.strip().splitlines()
    assert "listened once in 2026" in first
    assert [line for line in others if not line.startswith("• ")] == []
    assert len(done.stderr) < 120


def test_a_run_without_anything_to_do_ends_before_prefect_starts(home: Path) -> None:
    done = _moodlog("run")
    assert (done.exit_code, "moodlog import" in done.stderr) == (0, True), done.output
    assert json.loads(_moodlog("run", "--json").stdout)["verdict"] == "completed"
    assert not (home / "prefect").exists()


def test_a_run_without_an_app_fails_before_prefect_starts(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workspace() as workspace:
        workspace.tokens.write("ada", b"x", authorised_at=NOW, expected_version=None)
    for command in ("run", "connect"):
        done = _moodlog(command)
        assert done.exit_code == 78
        assert [part for part in ("redirect URI http://127.0.0.1:8888/callback", str(history / ".env"))
                if part not in done.stderr] == []  # fmt: skip
    assert not (history / "prefect").exists()


def test_a_missing_export_is_named_before_anything_else(home: Path) -> None:
    done = _moodlog("import", "nowhere.zip", "--timezone", "Mars/Base", "--user", "ada")
    assert done.exit_code == 2
    assert "nowhere.zip" in done.stderr
    assert not home.exists()


def test_a_table_of_features_is_no_export_and_its_command_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("id,energy,valence\n" + "a" * 22 + ",0.5,0.5\n", encoding="utf-8")
    done = _moodlog("import", str(tmp_path / "features.csv"))
    assert (done.exit_code, "moodlog catalog add" in done.stderr) == (2, True), done.output


def test_a_backup_makes_no_mount_point(home: Path, tmp_path: Path) -> None:
    done = _moodlog("backup", str(tmp_path / "disk"))
    assert (done.exit_code, "disk" in done.stderr) == (2, True)
    assert not (tmp_path / "disk").exists()


def test_a_recap_of_an_empty_week_names_the_last_week_with_listens(history: Path) -> None:
    day = NOW - timedelta(days=9)
    assert f"moodlog recap --week {day - timedelta(days=day.weekday()):%Y-%m-%d}" in _moodlog("recap").stderr
    assert "listened once" in _moodlog("recap", "--week", f"{day:%Y-%m-%d}").stdout


def test_logs_name_modules_only_with_v(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")
    command = [sys.executable, "-m", "flows.cli", "users", "list"]
    quiet = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "DATABASE_URL" in quiet.stderr
    assert "mood_core" not in quiet.stderr


def _groups() -> list[click.Group]:
    commands = [main.get_command(click.Context(main), name) for name in main.list_commands(click.Context(main))]
    return [command for command in commands if isinstance(command, click.Group)]


def test_no_help_of_a_group_is_cut() -> None:
    for group in _groups():
        shown = group.get_help(click.Context(group, info_name=group.name, terminal_width=80))
        assert "..." not in shown.partition("Commands:")[2], shown


@pytest.mark.parametrize(("wrong", "right"), [("listenbraniz", "listenbrainz"), ("lastfn", "lastfm")])
def test_a_wrong_choice_names_a_similar_one(home: Path, wrong: str, right: str) -> None:
    assert f"Did you mean {right}?" in _moodlog("connect", "--from", wrong, "ada").stderr


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ("historx", "history"),
        ("users lst", "list"),
        ("history --bye day", "--by"),
        ("report --usr ada", "--user or --out"),
        ("history --by dayy", "day"),
    ],
)
def test_every_wrong_word_is_asked_about_in_one_form(home: Path, words: str, question: str) -> None:
    said = _moodlog(*words.split()).stderr
    assert said.partition("Did you mean ")[2].partition("?")[0] == question
    assert "(Did" not in said


@pytest.mark.parametrize(
    "words", ["report", "recap", "history", "ask", "export -u ada", "history -u ada", "users pause x"]
)
def test_an_empty_home_names_every_way_to_listens(home: Path, words: str) -> None:
    out = ("--out", str(home / "page.html")) if words == "report" else ()
    said = _moodlog(*words.split(), *out).stderr
    assert all(way in said for way in ("moodlog connect", "listenbrainz", "lastfm", "moodlog import FILE"))


def test_without_an_app_connect_names_the_way_that_needs_none(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "")
    said = _moodlog("connect").stderr
    assert "--from listenbrainz" in said
    assert "moodlog import" in said


@pytest.mark.parametrize("blank", ["", "   ", "\u200b", "\u3164", "\u202e \u202c"])
def test_a_name_needs_a_visible_character(history: Path, blank: str) -> None:
    export = json.dumps([{"endTime": "2026-03-01 10:00", "artistName": "A", "trackName": "B", "msPlayed": 60000}])
    (history / "StreamingHistory_music_0.json").write_text(export, encoding="utf-8")
    for arguments in (["users", "rename", "ada"], ["import", str(history / "StreamingHistory_music_0.json"), "--user"]):
        done = _moodlog(*arguments, blank)
        assert (done.exit_code, "visible character" in done.stderr) == (2, True), done.output


def test_an_imported_person_is_led_to_connect_and_not_to_a_consent(history: Path) -> None:
    with Workspace() as workspace:
        person = users_table([User("local-me", "Me", "UTC", NOW)], NOW)
        workspace.batches.add(USERS, person, now=NOW)
    for words in ("users pause local-me", "reconnect local-me"):
        done = _moodlog(*words.split())
        assert (done.exit_code, "`moodlog connect`" in done.stderr) == (2, True), done.output


def test_a_link_to_pages_that_do_not_run_says_so(history: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        assert "moodlog serve" not in _moodlog("web", "--link", "--port", str(port)).stderr
    done = _moodlog("web", "--link", "--port", str(port))
    assert f"port {port}" in done.stderr
    assert "moodlog serve" in done.stderr
    assert done.stdout.startswith(f"http://127.0.0.1:{port}/?code=")


def test_a_word_in_the_place_of_a_number_is_refused_in_plain_words() -> None:
    for arguments in (("web", "--port", "abc"), ("history", "--limit", "abc"), ("status", "--limit", "abc")):
        said = _moodlog(*arguments).stderr
        assert "'abc' is not a valid whole number." in said
        assert "range" not in said


@pytest.mark.parametrize(("mood", "is_marked"), [("Sad", True), ("Calm", False)])
def test_a_mark_behind_a_probability_is_explained(history: Path, mood: str, is_marked: bool) -> None:
    with Workspace() as workspace:
        workspace.batches.add(MOODS, moods({_TRACK: mood}), now=NOW)
        set_current(workspace.database, "m/1")
    shown = _moodlog("history", "--by", "track").stdout
    assert ("70%?" in shown) == is_marked
    assert ("?: uncertain label" in shown) == is_marked


def test_a_title_without_a_visible_character_has_a_name(history: Path) -> None:
    blank = Track("b" * 22, " \u200b ", (" ",))
    with Workspace() as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, [blank]), now=NOW)
        many = [("ada", NOW - timedelta(days=9, hours=hour), blank.track_id) for hour in range(2, 5)]
        workspace.batches.add(LISTENS, listens(many), now=NOW)
    day = f"{NOW - timedelta(days=9):%Y-%m-%d}"
    assert _moodlog("history", "--by", "track").stdout.count("(untitled)") == 3
    assert "Most played: (untitled), 3 times." in _moodlog("recap", "--week", day).stdout


def test_signs_in_ascii_are_as_wide_as_those_they_stand_for() -> None:
    for char in "○é·…東😀":
        assert len(ascii_of(char)) == cell_len(char)
    assert [ascii_of(char) for char in ("\u200b", "\u0301")] == ["", ""]


def test_no_page_has_bidirectional_controls(history: Path) -> None:
    day = NOW - timedelta(days=9)
    assert _moodlog("report", "--out", str(history / "page.html")).exit_code == 0
    done = _moodlog("recap", "--year", f"{day.year}", "--out", str(history / "cards.html"))
    assert done.exit_code == 0, done.output
    texts = [(history / name).read_text(encoding="utf-8") for name in ("page.html", "cards.html")]
    with Workspace() as workspace, served(workspace) as pages:
        texts += [pages.client.get(f"/~ada{path}").text for path in ("", f"/{day:%Y-%m-%d}", f"/track/{_TRACK}")]
    assert ["Adá" in text for text in texts] == [True] * len(texts)
    assert [text for text in texts if set(_BIDI) & set(text)] == []


def test_a_page_without_listens_says_why(history: Path) -> None:
    said = _moodlog("report", "--from", "2030-01-01", "--out", str(history / "page.html")).stderr
    assert "--from" in said
    assert _moodlog("report", "--out", str(history / "page.html")).exit_code == 0


def test_nothing_is_said_about_labels_where_there_is_none(history: Path) -> None:
    assert "curator" not in _moodlog("recap", "--week", "2026-11-14").stderr


def test_months_of_a_long_history_are_the_sums_of_its_days(history: Path) -> None:
    with Workspace() as workspace:
        plays = [("ada", NOW - timedelta(days=day), _TRACK) for day in range(1, 120)]
        workspace.batches.add(LISTENS, listens(plays), now=NOW)
        months = mood_counts(workspace.database, "month", HistoryFilter())
        days = mood_counts(workspace.database, "day", HistoryFilter())
        assert len({day.period for day in days}) == days_with_listens(workspace.database, HistoryFilter())
    summed: Counter[tuple[str, str]] = Counter()
    for day in days:
        summed[day.user_id, str(day.period)[:7]] += day.total
    assert {(month.user_id, month.period): month.total for month in months} == summed
    shown = _moodlog("history")
    assert "Shown by month" in shown.stderr
    assert all(str(month.period) in shown.stdout for month in months)


def test_the_command_that_adds_an_extra_runs_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = Path(__file__).parents[2]
    monkeypatch.chdir(here)
    assert install_extra("plots").endswith("uv sync --inexact --extra plots")
    monkeypatch.chdir(tmp_path)
    assert install_extra("plots").startswith(f"cd {here} && ")

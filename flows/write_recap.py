"""The weekly recap: each person's last full week as sentences and a picture, and a message where one is wanted."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.variables import Variable

from flows.parameters import Block, Day, People
from flows.server_setup import NOTIFY_VARIABLE, notification_block
from flows.tasks import PULL_S
from mood_core.bootstrap import Workspace
from mood_core.errors import ConfigError
from mood_core.report.recap import Recap, last_full_week, read_recap


@flow(name="write-recap", flow_run_name="weekly recap", log_prints=False, persist_result=False, timeout_seconds=PULL_S)
def write_recap(
    people: People = (),
    week: Day = None,
    notify: Block = None,
) -> list[str]:
    """Write the recaps to HOME/recaps, show them in Prefect's UI, and send them where ``notify`` says.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        week: Any day of the week, for example 2026-11-18; the last full week by default.
        notify: A Prefect notification block to send it through, for example slack-webhook/moods; by default the one of
            `moodlog setup`, if any.
    """
    with Workspace() as workspace:
        recaps = [
            read_recap(workspace.database, one.user_id, one.display_name, _monday(workspace, one.timezone, week))
            for one in workspace.accounts.all(list(people) or None)
        ]
        folder = workspace.settings.home / "recaps"
    for position, recap in enumerate(recaps):
        _draw(recap, folder / str(recap.monday) / f"{position + 1}.png")
    said = [" ".join(recap.sentences()) for recap in recaps]
    if said:
        shown = "\n\n".join(line.replace("<", "&lt;").replace("|", "\\|") for line in said)
        create_markdown_artifact(key="moodlog-recap", markdown=f"# The week in moods\n\n{shown}", description="Recap")
        wanted = notify or Variable.get(NOTIFY_VARIABLE)
        if wanted:
            sender: Any = notification_block(str(wanted))  # Prefect types the call of a synchronous flow as a coroutine
            sender.notify("\n\n".join(said), subject="The week in moods")
    return said


def _monday(workspace: Workspace, timezone: str, week: date | None) -> date:
    if week is not None:
        return week - timedelta(days=week.weekday())
    return last_full_week(workspace.now().astimezone(ZoneInfo(timezone)).date())


def _draw(recap: Recap, out: Path) -> None:
    from mood_core.report.recap_picture import draw_recap

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draw_recap(recap, out)
    except ConfigError as error:  # the sentences are worth having without the picture
        get_run_logger().warning(error.message)

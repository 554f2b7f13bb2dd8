"""The weekly recap: each person's last full week as sentences and a picture, and optionally a message."""

from __future__ import annotations

import base64
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prefect import flow, get_run_logger
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.variables import Variable

from flows.alerting.send_message import send_message
from flows.options import PULL_S, SCHEDULED
from flows.parameters import Block, Day, People
from flows.run_names import run_name
from flows.server.retries import if_possible, with_retries
from flows.server.setup import NOTIFY_VARIABLE, notification_block
from mood_core.app.workspace import Workspace
from mood_core.errors import ConfigError
from mood_core.files.private import make_private_folder
from mood_core.report.mood_markdown import as_text
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import Recap
from mood_core.report.recap_period import Period, Unit, last_full, period_with
from mood_core.usecases.people.manage_users import accounts_called

MOST_PICTURES = 20
"""The maximum of pictures that one run shows in Prefect's UI; HOME/recaps has all of them."""


@flow(name="write-recap", flow_run_name=run_name("weekly recap"), timeout_seconds=PULL_S, **SCHEDULED)
def write_recap(people: People = (), week: Day = None, notify: Block = "") -> list[str]:
    """Write the recaps to HOME/recaps, show them in Prefect's UI, and send them through the block ``notify``.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        week: Any day of the week, for example 2026-11-18; the last full week by default.
        notify: A Prefect notification block, for example slack-webhook/moods; the one of `moodlog setup` by default,
            if there is one.
    """
    wanted = notify or with_retries(lambda: Variable.get(NOTIFY_VARIABLE))
    if wanted:
        notification_block(str(wanted))  # an unknown block fails before any work
    with Workspace() as workspace:
        recaps = [
            read_recap(workspace.reading, one, _period(workspace, one.timezone, week), workspace.now())
            for one in accounts_called(workspace.accounts, people)
        ]
        home = workspace.settings.home
    _save_pictures(recaps, home)
    recaps = _without_forgotten(recaps)
    sentences = [" ".join(recap.sentences()) for recap in recaps]
    if sentences:
        shown = "\n\n".join(as_text(line) for line in sentences)
        text = f"# The week in moods\n\n{shown}"
        if_possible(lambda: create_markdown_artifact(key="moodlog-recap", markdown=text, description="Recap"))
        if wanted:
            send_message(str(wanted), "The week in moods", "\n\n".join(sentences))
    return sentences


def _without_forgotten(recaps: list[Recap]) -> list[Recap]:
    """``recaps`` without people who were forgotten since they were read; also deletes their pictures."""
    with Workspace() as workspace:
        gone = workspace.batches.gone_among({recap.user_id for recap in recaps})
        workspace.batches.sweep_personal_files()
    return [recap for recap in recaps if recap.user_id not in gone]


def _period(workspace: Workspace, timezone: str, week: date | None) -> Period:
    if week is not None:
        return period_with(Unit.WEEK, week)
    return last_full(Unit.WEEK, workspace.now().astimezone(ZoneInfo(timezone)).date())


def _save_pictures(recaps: list[Recap], home: Path) -> None:
    """Save a picture of each week with listens, and show it in Prefect's UI. Skipped without matplotlib."""
    from mood_core.report.recap_picture import draw_recap, picture_file

    for number, recap in enumerate(one for one in recaps if one.total):
        out = picture_file(home, recap)
        try:
            make_private_folder(out.parent)
            draw_recap(recap, out)
        except ConfigError as error:  # the sentences are useful without pictures
            get_run_logger().warning(error.message)
            return
        if number < MOST_PICTURES:
            address = "data:image/png;base64," + base64.b64encode(out.read_bytes()).decode()
            options: dict[str, Any] = {"key": "moodlog-recap-picture", "description": as_text(recap.sentences()[0])}
            if_possible(partial(create_image_artifact, address, **options))

"""What helpers of a run have done in shards of tracks is added up, and survives as JSON."""

from __future__ import annotations

import json
from collections import Counter

from flows.tasks import ShardsDone
from mood_core.features.fetch_report import FetchReport, QuarantinedResponse, StoppedSource
from mood_core.usecases.nightly.label_tracks import LabelReport


def test_reports_of_helpers_are_added_and_name_a_stopped_service_once() -> None:
    stopped = StoppedSource("reccobeats", "HTTP 429", 90.0)
    quarantined = QuarantinedResponse("reccobeats", "no ids", "the beginning", ("a",))
    one = ShardsDone(
        FetchReport(Counter(reccobeats=3), Counter(reccobeats=2), Counter(reccobeats=1), [stopped], [], [quarantined]),
        LabelReport("m/1", labelled=2, uncertain=1),
    )
    read = ShardsDone.from_json(json.dumps([one.as_json()]))
    assert "the beginning" not in json.dumps(one.as_json())
    total = ShardsDone()
    for each in (read, one, ShardsDone()):
        total.add(each)
    assert total.features.found == {"reccobeats": 4}
    assert total.features.stopped == [stopped]
    assert [each.track_ids for each in total.features.quarantined] == [("a",), ("a",)]
    assert total.labels is not None
    assert (total.labels.labelled, total.labels.uncertain) == (4, 2)

"""What every process of the crash tests has imported before it is forked: moodlog without Prefect.

Importing again for each of a thousand processes would take longer than all that they do.
"""

# ruff: noqa: F401
import ai_edge_litert.interpreter
import chardet
import h2.connection
import httpx
import numpy.random
import pandas as pd
import psycopg
import pyarrow.dataset
import requests
import rich.progress
import rich.syntax
import spotipy

import flows.cli
import mood_core.bootstrap
import mood_core.classifier
import mood_core.cli.compact
import mood_core.cli.forget
import mood_core.cli.import_history
import mood_core.cli.keys
import mood_core.cli.promote
import mood_core.cli.rebuild
import mood_core.cli.relabel
import mood_core.cli.users
import mood_core.features.reccobeats_client
import mood_core.features.registry
import mood_core.pipeline.forget_person
import mood_core.pipeline.import_history
import mood_core.spotify.client
import tests.crashes.driver
import tests.nights

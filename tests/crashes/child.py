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
import mood_core.app.workspace
import mood_core.classifier
import mood_core.cli.compact
import mood_core.cli.forget
import mood_core.cli.import_history
import mood_core.cli.keys
import mood_core.cli.promote
import mood_core.cli.rebuild
import mood_core.cli.relabel
import mood_core.cli.users
import mood_core.features.reccobeats.client
import mood_core.features.registry
import mood_core.spotify.client
import mood_core.usecases.imports.import_export
import mood_core.usecases.people.forget_person
import tests.crashes.driver
import tests.nights

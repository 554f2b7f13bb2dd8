"""The Prefect flows of moodlog and the console script that starts them."""

from flows.quiet_logs import quiet_websockets

quiet_websockets()  # here, so that it holds in every process that runs a flow

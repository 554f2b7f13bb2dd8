"""The Prefect flows of moodlog and the console script that starts them."""

from flows.quiet_logs import quiet_websockets

quiet_websockets()  # here, because it must hold in each process that runs a flow, whoever starts it

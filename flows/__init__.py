"""The Prefect flows of moodlog and the console script that starts them."""

import logging


def _from_info(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


# At DEBUG, the library websockets logs headers and messages, with the password of Prefect's server. A filter is used
# because a later logging configuration can reset levels. It is set here, so that it holds in every process with a flow.
for _name in ("websockets.client", "websockets.server"):
    logging.getLogger(_name).addFilter(_from_info)

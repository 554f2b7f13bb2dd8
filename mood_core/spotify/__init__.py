"""The only door to the Spotify Web API, on top of spotipy.

    ports           what this package needs from others: the token repository, the call ledger; and the app's settings
    tokens          a person's token, its encryption at rest, and when the permission ends
    key_file        the file of the keys for that encryption
    token_service   Spotify's token endpoint: code exchange and refresh
    account_tokens  one account's access token, refreshed safely by many workers
    authorise       the Authorization Code flow with PKCE, from address to token
    callback        the loopback server that catches the browser's redirect
    client          what moodlog asks of the Web API for one account
    payloads        answers turned into records, pure
    payload_values  single values out of untrusted JSON, pure
    failures        failed answers turned into moodlog's errors, pure
    doors           spotipy objects with sessions that count, classify and never retry, lent from a pool
    reading         an answer's body within a time and a size
    service_time    what time it is at Spotify
    retrying        the one owner of short waits and repeated tries
    quiet_logs      keeps spotipy's request logs, which carry tokens, out of every handler

Import from these modules; the package itself loads nothing.
"""

"""Client for the Spotify Web API, based on spotipy.

    ports           protocols that this package requires (token repository, call ledger) and the app's settings
    tokens          an account's token, its encryption at rest, and when the permission expires
    key_file        the file with the keys for that encryption
    token_service   Spotify's token endpoint: code exchange and refresh
    account_tokens  one account's access token, refreshed safely by many workers
    authorise       the Authorization Code flow with PKCE, from URL to token
    callback        the loopback server that receives the browser's redirect
    client          the Web API for one account
    payloads        converts responses to records, pure
    payload_values  extracts values from untrusted JSON, pure
    failures        converts failed responses to moodlog's errors, pure
    session         a pool of spotipy objects whose sessions count calls, classify failures and do not retry
    reading         reads a response body with a time and a size limit
    service_time    Spotify's current time
    quiet_logs      suppresses spotipy's request logs, which contain tokens

Import from these modules; the package itself imports nothing.
"""

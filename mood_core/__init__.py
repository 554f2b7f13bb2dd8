"""moodlog's library: listens, audio features, moods. It knows nothing of Prefect."""

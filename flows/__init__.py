"""The Prefect flows of moodlog and the console script that starts them."""

-- The view track_moods has years of release from ISRCs now: the listens by year are counted again in the next run.
UPDATE counted_people SET ranked_until_ms = 0;

-- When a pull last read an older page of a history again, and the time before which the next such page begins.
ALTER TABLE _accounts ADD COLUMN read_again_at_ms BIGINT;
ALTER TABLE _accounts ADD COLUMN read_again_below_ms BIGINT;

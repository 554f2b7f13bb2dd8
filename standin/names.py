"""Words for the names of generated artists, albums, titles and listeners."""

from __future__ import annotations

ARTIST_FIRST = (
    "Velvet", "Paper", "Northern", "Hollow", "Golden", "Silent", "Copper", "Midnight", "Glass", "Wild", "Distant",
    "Ivory", "Salt", "Crimson", "Electric", "Lunar", "Static", "Marble", "Amber", "Rusty", "Neon", "Winter", "Second",
    "Broken", "Tall", "Quiet", "Saint", "Little", "Grand", "Feral",
)  # fmt: skip
ARTIST_SECOND = (
    "Harbour", "Foxes", "Lanterns", "Arcade", "Orchard", "Parade", "Rivers", "Cathedral", "Wolves", "Motel", "Gardens",
    "Machines", "Sparrows", "Tides", "Avenue", "Satellites", "Theatre", "Meadow", "Engines", "Pilots", "Kites",
    "Atlas", "Monarchs", "Carousel", "Embers", "Static", "Almanac", "Postcards", "Lighthouse", "Quartet",
)  # fmt: skip
GIVEN = (
    "Mara", "Elio", "Ingrid", "Tomas", "Noor", "Callum", "Yuki", "Adaeze", "Lucia", "Henrik", "Priya", "Mateo", "Sofie",
    "Kwame", "Anouk", "Rafael", "Ines", "Jonas", "Leila", "Dario",
)  # fmt: skip
FAMILY = (
    "Lindqvist", "Okonjo", "Ferrante", "Whitlock", "Sakamoto", "Delacroix", "Brandt", "Castellano", "Nyberg", "Moreau",
    "Adeyemi", "Haldane", "Ribeiro", "Kovacs", "Ashworth", "Petrov", "Marchetti", "Winslow", "Tanaka", "Osei",
)  # fmt: skip

TITLE_PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Calm": (
        ("Still", "Slow", "Drifting", "Pale", "Floating", "Hushed", "Weightless", "Morning", "Distant", "Soft",
         "Evening", "Deep"),
        ("Water", "Light", "Rain", "Shore", "Clouds", "Breath", "Snowfall", "Nocturne", "Field", "Harbour", "Haze",
         "Reverie", "Tide", "Moss", "Prelude", "Garden"),
    ),
    "Energetic": (
        ("Burn", "Break", "Run", "Ignite", "Shatter", "Overdrive", "Raise", "Riot", "Chase", "Storm", "Voltage",
         "Crash"),
        ("the Line", "It Down", "Tonight", "Forever", "the Silence", "in Motion", "Like Thunder", "My Name",
         "Without You", "the Engine", "Again", "the Walls", "to Zero", "Your Heart", "the Night", "Machine"),
    ),
    "Happy": (
        ("Sunny", "Dancing", "Golden", "Summer", "Brand New", "Sweet", "Saturday", "Sugar", "Bright", "Good",
         "Lucky", "Easy"),
        ("Day", "Feeling", "Street", "Shoes", "Smile", "Parade", "Lemonade", "Holiday", "Heart", "Radio", "Morning",
         "Love", "Skies", "Town", "Weekend", "Song"),
    ),
    "Sad": (
        ("Empty", "Last", "Fading", "Lonely", "Cold", "Half a", "Missing", "Broken", "Grey", "Forgotten", "Without",
         "Long"),
        ("Room", "Goodbye", "Letter", "Winter", "Photograph", "Promise", "Home", "Name", "Station", "November",
         "Ghost", "Mirror", "Coat", "Voicemail", "Bridge", "Bed"),
    ),
}  # fmt: skip
SUFFIXES = (" (Live)", " - Remastered", " (Acoustic)", " (Interlude)", ", Pt. II", " - Radio Edit", " (Demo)")

HOSTILE_TITLES = (
    "\"Quoted\" and 'Single'",
    "</script><script>alert(1)</script>",
    "<b>Bold</b> & <i>Beautiful</i>",
    "🔥 Party 🎉 till 3 👩‍👩‍👧‍👦",
    "ليلة هادئة",
    "שיר של בוקר",
    "مرحبا (feat. DJ \u202eReverse\u202c)",
    "東京の夜",
    "여름밤",
    "Ночной поезд",
    "Robert'); DROP TABLE listens;--",
    "=1+1",
    "@SUM(A1:A9)",
    "Back\\slash\\n",
    "100% {percent} %s {0}",
    "null",
    "NaN",
    "Ünïcödé Zalgo z\u0335\u0322a\u0336l\u0337g\u0338o",
    "Tab\there, comma, semicolon; pipe|",
    "e\u0301 is not é",
    "Zero\u200bWidth\u200dJoiner",
    "The Very Long Title of a Song That Goes On " + "and On " * 28 + "(Extended Mix)",
    "\u200b",
    "A",
)
"""Titles that catch careless escaping: quotes, markup, emoji, right-to-left, SQL, formulas, very long, blank."""

LISTENER_NAMES = (
    "Ada", "Bruno", "Chiyo", "Deniz", "Esi", "Farah", "Goran", "Hana", "Ivo", "Jaya", "Kofi", "Lena", "Miguel",
    "Nadia", "Olu", "Petra", "Quinn", "Rosa", "Sami", "Tuva",
)  # fmt: skip

TIMEZONES = (
    "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Africa/Lagos", "Australia/Sydney", "America/Sao_Paulo",
    "Asia/Kolkata", "Europe/London", "America/Los_Angeles", "Pacific/Auckland",
)  # fmt: skip
"""The listeners' time zones: several continents, with and without daylight saving time, both hemispheres."""

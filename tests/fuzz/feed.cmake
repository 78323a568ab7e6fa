fuzz_target(feed fuzz_feed.c NEEDS feed book)

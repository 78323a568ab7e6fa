fuzz_target(config fuzz_config.c NEEDS config)
fuzz_target(journal fuzz_journal.c NEEDS orders)

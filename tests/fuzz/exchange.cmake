# Requests, time and answers of a hostile exchange, in any order.
fuzz_target(exchange ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_exchange.c NEEDS exchange)

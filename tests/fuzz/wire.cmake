fuzz_target(wire_diff fuzz_wire_diff.c NEEDS wire)
fuzz_target(frame fuzz_frame.c NEEDS wire)
fuzz_target(rest fuzz_rest.c NEEDS wire)
fuzz_target(capture fuzz_capture.c NEEDS capture)

#!/usr/bin/env python3
"""deltaflow observe: output, exit statuses and messages of the real binary.

usage: observe_test.py DELTAFLOW SCHEMA GOLDEN
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY, SCHEMA, GOLDEN = sys.argv[1:4]


def observe(*args, stdin=b""):
    p = subprocess.run([BINARY, "observe", *args], input=stdin, capture_output=True, timeout=240)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def expected(document):
    for sequence in document["sequences"]:
        for i, step in enumerate(sequence["steps"]):
            yield {"sequence": sequence["name"], "step": i}, step["expected"]
    for session in document["sessions"]:
        for i, point in enumerate(session["points"]):
            for market, target in point["targets"].items():
                yield {"sequence": session["name"], "step": i, "market": market}, target["expected"]


class Observe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(GOLDEN) as f:
            cls.document = json.load(f)
        with open(SCHEMA) as f:
            cls.schema = json.load(f)

    def check_schema(self, line):
        properties = self.schema["properties"]
        self.assertLessEqual(set(self.schema["required"]), set(line))
        self.assertLessEqual(set(line), set(properties))
        self.assertIsInstance(line["step"], int)
        items = properties["features"]
        self.assertEqual(len(line["features"]), items["minItems"])
        for value in line["features"]:
            self.assertTrue(items["items"]["minimum"] <= value <= items["items"]["maximum"])

    def check_golden(self, out):
        lines = [json.loads(text) for text in out.splitlines()]
        wanted = list(expected(self.document))
        self.assertEqual(len(lines), len(wanted))
        for line, (where, values) in zip(lines, wanted):
            self.check_schema(line)
            self.assertEqual({k: v for k, v in line.items() if k != "features"}, where)
            for i, (got, want) in enumerate(zip(line["features"], values)):
                self.assertLessEqual(abs(got - want), 1e-6, (where, i))
                self.assertEqual(float32(got), float32(want), (where, i))

    def test_json_is_taken_and_changes_nothing(self):
        self.assertEqual(observe(GOLDEN, "--json"), observe(GOLDEN))
        self.assertEqual(observe(GOLDEN)[0], 0)

    def test_every_value_of_the_golden_file_from_a_file_and_from_standard_input(self):
        code, out, err = observe(GOLDEN)
        self.assertEqual((code, err), (0, ""))
        self.check_golden(out)
        with open(GOLDEN, "rb") as f:
            self.assertEqual(observe("-", stdin=f.read()), (0, out, ""))

    def test_derived_and_expected_numbers_of_the_input_are_not_read(self):
        document = json.loads(json.dumps(self.document))
        for sequence in document["sequences"]:
            for step in sequence["steps"]:
                step["derived"] = {"time_gap": 99, "activity_score": 1, "momentum": -1}
                del step["expected"]
        for session in document["sessions"]:
            for point in session["points"]:
                for target in point["targets"].values():
                    del target["derived"]
        code, out, err = observe("-", stdin=json.dumps(document).encode())
        self.assertEqual((code, err), (0, ""))
        self.check_golden(out)

    def test_a_malformed_step_gives_3_and_names_its_place(self):
        document = json.loads(json.dumps(self.document))
        del document["sequences"][0]["steps"][4]["book"]["yes_bids"]
        code, out, err = observe("-", stdin=json.dumps(document).encode())
        self.assertEqual(code, 3)
        self.assertIn("standard input: sequences[0]: 'whole': step 4: yes_bids is missing", err)
        self.assertEqual(err.count("\n"), 1)
        left_out = len(document["sequences"][0]["steps"]) - 4
        self.assertEqual(len(out.splitlines()), len(list(expected(self.document))) - left_out)

    def test_what_is_not_the_format_gives_4_and_names_line_and_cause(self):
        for text, cause in ((b"", "line 1"), (b"{\n\n]", "line 3"), (b'{"format":"x"}', '"x"'),
                            (b"\xff\xfe", "standard input")):
            code, out, err = observe("-", stdin=text)
            self.assertEqual((code, out), (4, ""))
            self.assertIn(cause, err)
            self.assertEqual(err.count("\n"), 1)

    def test_a_file_that_cannot_be_read_gives_4(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in (os.path.join(folder, "none.json"), folder):
                code, out, err = observe(path)
                self.assertEqual((code, out), (4, ""))
                self.assertIn(path, err)

    def test_output_that_cannot_be_written_gives_1(self):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([BINARY, "observe", GOLDEN], stdout=full, stderr=subprocess.PIPE, timeout=240)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"standard output", p.stderr)

    def test_wrong_usage_gives_2_and_help_gives_0(self):
        for args in ((), ("a", "b"), ("--what",)):
            code, out, err = observe(*args)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("--help", err)
        code, out, err = observe("--help")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("usage: deltaflow observe FILE", out)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])

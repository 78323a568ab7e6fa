#!/usr/bin/env python3
"""rows.py - every error row of the fact sheet has a test.

error_rows.json maps each row to tests, written FILE: NAME. Here: each named test is in its file (a C test is defined and
listed in its runner), and no row of the sheet's tables (3.2, 3.3, 5.4, 7.2, 8.1) and no section with errors is missing.
The sheet is read from $DELTAFLOW_SHARED (default ../shared); without it only the names are checked, and that is said.
"""
import json
import os
import re
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
rows = json.load(open(os.path.join(root, "tests/foreign/error_rows.json")))["rows"]
problems = []
names = set()
for row in rows:
    if not row["tests"]:
        problems.append(f"{row['section']} {row['row']}: no test")
    for test in row["tests"]:
        names.add(test)
        file, name = test.split(": ", 1)
        try:
            text = open(os.path.join(root, file)).read()
        except OSError:
            problems.append(f"{row['section']} {row['row']}: {file} is not there")
            continue
        if file.endswith(".c"):
            there = re.search(rf"static void {re.escape(name)}\(void", text) and len(re.findall(rf"\b{re.escape(name)}\b", text)) > 1
        else:
            there = name in text
        if not there:
            problems.append(f"{row['section']} {row['row']}: {file} has no test '{name}'")

asked = os.environ.get("DELTAFLOW_SHARED")
sheet = os.path.join(asked or os.path.join(root, "../shared"), "reference/kalshi-api.md")
if os.path.exists(sheet):
    listed = {(r["section"], r["row"]) for r in rows}
    # Section -> first cells of its tables; of 5.4 the first two.
    tables = {"3.2": 1, "3.3": 1, "5.4": 2, "7.2": 1, "8.1": 1}
    section = header = ""
    found = 0
    for line in open(sheet):
        head = re.match(r"#+ (\d+(?:\.\d+)*)", line)
        if head:
            section = head.group(1)
        if not line.startswith("|"):
            header = ""
            continue
        cells = [c.strip().strip("`").replace("`", "") for c in line.strip().strip("|").split("|")]
        if not header:
            header = cells[0]
            continue
        if section not in tables or set(cells[0]) <= {"-"} or (section == "8.1" and header != "Reject"):
            continue
        found += 1
        key = " ".join(cells[: tables[section]])
        if (section, key) not in listed:
            problems.append(f"the sheet's row {section} '{key}' is not in error_rows.json")
    for need in ["3.4", "7.3", "8.2", "8.3", "8.4", "8.5", "9", "10", "17.1", "17.2"]:
        if not any(s == need for s, _ in listed):
            problems.append(f"no row of section {need}")
    if found < 50:
        problems.append(f"only {found} rows were found in the sheet's tables: has their form changed?")
    print(f"{len(rows)} error rows, {len(names)} tests; {found} of the rows stand in the sheet's tables")
elif asked:
    problems.append(f"DELTAFLOW_SHARED is set, but {sheet} cannot be read")
else:
    print(f"{len(rows)} error rows, {len(names)} tests; skipped: the sheet {sheet} is not here, its rows are not compared")

for p in problems:
    print("FAILED:", p)
sys.exit(1 if problems else 0)

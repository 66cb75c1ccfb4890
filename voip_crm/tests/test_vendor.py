"""Vendored files are the published ones, byte for byte, each with its licence beside it."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"
ENTRIES = json.loads((VENDOR / "VENDOR.json").read_text())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_a_vendored_file_has_its_pinned_checksum(entry):
    digest = hashlib.sha384((VENDOR / entry["file"]).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == entry["sha384"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_a_vendored_file_has_its_licence_beside_it(entry):
    assert (VENDOR / entry["licence_file"]).stat().st_size > 200


def test_no_vendored_file_is_missing_from_the_list():
    listed = {entry["file"] for entry in ENTRIES} | {"VENDOR.json"}
    assert {p.name for p in VENDOR.iterdir() if "LICENSE" not in p.name} == listed

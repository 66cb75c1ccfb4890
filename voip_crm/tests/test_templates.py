"""Templates keep to the content policy and to plain htmx."""

import re
import wave
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

FOLDER = Path(__file__).resolve().parents[2] / "templates"
# Mails are read elsewhere: mail programs know no style sheet.
TEMPLATES = sorted({*FOLDER.rglob("*.html")} - {*FOLDER.glob("mails/*.html")})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline_and_nothing_that_needs_eval(path):
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=", text)
    assert not re.search(r"\son\w+=|hx-on|[\"']js:|javascript:|hx-trigger=\"[^\"]*\[", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_remark_is_not_shown_to_people(path):
    for line in path.read_text().splitlines():  # over a line's end, it would be text
        assert line.count("{#") == line.count("#}"), line


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_links_that_htmx_follows_work_without_it(path):
    for tag in re.findall(r"<a\b[^>]*hx-get[^>]*>", path.read_text()):
        assert re.search(r'[^-]href="', tag), tag


@pytest.mark.parametrize("name", ["404.html", "413.html", "500.html", "503.html", "403_csrf.html"])
def test_an_error_page_needs_neither_request_nor_database(name):
    page = render_to_string(name)
    assert "<h1>" in page and 'href="/"' in page


def test_the_page_without_a_workspace_lets_one_leave():
    page = render_to_string("no_workspace.html", request=RequestFactory().get("/"))
    assert "Sign out" in page


def test_each_script_of_the_page_is_small_enough_to_read():
    for path in (TEMPLATES[0].parents[1] / "static" / "js").glob("*.js"):
        assert len(path.read_text().splitlines()) < 250, path.name


def test_each_of_the_fifteen_sounds_exists_and_is_short():
    folder = TEMPLATES[0].parents[1] / "static" / "sounds"
    keys = [f"dtmf{key}" for key in "0123456789sh"]
    for name in ["incoming", "outgoing", "disconnect", *keys]:
        with wave.open(str(folder / f"{name}.wav")) as sound:
            assert 0.1 < sound.getnframes() / sound.getframerate() < 2.5, name

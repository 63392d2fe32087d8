"""convo-tenancy report: one page for the change review, as a person sees it in a browser."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser

from convo_tenancy.database import connect, on_one_snapshot
from convo_tenancy.health.checks import examine
from convo_tenancy.report.facts import read_facts
from support.browser import chromium, opened
from support.command_line import call, refusal
from support.commands import CONVO_TENANCY, environment, execute, value
from support.health import health, role, shop_profiles

Small = Callable[[str | None], str]

# What a shop and an application may be called.
EVIL = "<script>alert(1)</script>\"'&amp;{{ 7 * 7 }}$\\frac{1}{0}$\u202egnp.exe\x1b]0;\a"
SHOWN = "<script>alert(1)</script>\"'&amp;{{ 7 * 7 }}$\\frac{1}{0}$?gnp.exe?]0;?"
CUSTOMER = ("Eve Adams", "eve@example.test", "+15550199")

SECTIONS = [
    "Phases",
    "Profiles and bookings by shop",
    "Does each booking count for its shop?",
    "Do both sides agree?",
    "Who still uses the legacy side?",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with chromium() as one:
        yield one


def written(url: str, folder: Path, *args: str) -> Path:
    """A report, which says on one line where it is and how things stand."""
    file = folder / "review.html"
    done = call(url, "report", "--output", str(file), *args)
    assert (done.returncode, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    assert str(file) in line
    return file


class _Text(HTMLParser):
    """What is said in a page: headings and sentences."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def said(file: Path) -> str:
    """All text of the page, in one line."""
    text = _Text()
    text.feed(file.read_text(encoding="utf-8"))
    return " ".join(" ".join(text.said).split())


HAPPENED = """
    UPDATE public.shops SET name = 'Zum Löwen' WHERE id = 1;
    UPDATE public.customers
    SET (name, email, phone) = ('Eve Adams', 'eve@example.test', '+15550199') WHERE id = 3;
    SET session_replication_role = replica;
    UPDATE public.customer_booking_stats SET total_bookings = total_bookings + 1
    WHERE customer_id IN (3, 5);
    INSERT INTO sqitch.events
        (event, change_id, change, project, tags, committed_at, committer_name, committer_email,
         planned_at, planner_name, planner_email)
    SELECT e.event, e.event || e.n, e.change, 'convo_tenancy', e.tags::text[],
        now() - interval '20 days' + e.n * interval '1 day', 'Mallory', 'mallory@example.test',
        now(), 'Mallory', 'mallory@example.test'
    FROM (VALUES
        (1, 'deploy', 'profiles/foreign_keys', '{@phase1}'),
        (2, 'fail', 'mirror/mirrors', '{}'),
        (3, 'deploy', 'mirror/shop_context', '{}'),
        (4, 'deploy', 'isolation/switch', '{@phase2}'),
        (5, 'revert', 'isolation/switch', '{@phase2}'),
        (6, 'revert', 'mirror/shop_context', '{}'),
        (7, 'deploy', 'isolation/switch', '{@phase2}')
    ) AS e (n, event, change, tags);
"""


def let_happen(url: str) -> None:
    """What there is to see: drift, a failure and a way back, writers, names of all kinds."""
    execute(url, HAPPENED)
    with psycopg.connect(url, autocommit=True, application_name=EVIL[:60]) as writer:
        writer.execute("UPDATE public.shops SET name = %s WHERE id = 2", (EVIL,))
        writer.execute("UPDATE public.shops SET name = %s WHERE id = 3", ("long " * 50,))
        for days in (0, 0, 1, 29, 30):  # the last one is too long ago
            writer.execute(
                "INSERT INTO tenancy.legacy_writes"
                " (application_name, role_name, shop_id, written_at)"
                " VALUES (%s, %s, 2, now() - %s * interval '1 day')",
                (EVIL, "convo_app", days),
            )


def test_what_a_person_sees(browser: Browser, phase2_database: str, tmp_path: Path) -> None:
    url = phase2_database
    let_happen(url)
    file = written(url, tmp_path)
    checks = health(url).checks
    with opened(browser, file) as seen:
        assert seen.page.title().startswith("critical: test_")
        assert seen.page.get_by_role("heading", level=1).count() == 1
        headings = seen.page.get_by_role("heading", level=2).all_inner_texts()
        assert headings == ["What to do now", *SECTIONS, "Every check"]
        for landmark in ("banner", "navigation", "main", "contentinfo"):
            assert seen.page.get_by_role(landmark).count() == 1
        assert "✕ critical" in seen.text("header")
        assert "Phase 2" in seen.text("header")
        assert "convo-tenancy repair --dry-run" in seen.text(".alarms .critical")

        # Numbers are those of the database.
        shops = value(
            url,
            "SELECT format('Shop %s', shop_id), count(*), sum(total_bookings)"
            " FROM public.customer_shop_profiles GROUP BY shop_id ORDER BY shop_id",
        )
        table = seen.rows("Profiles and bookings of every shop")
        assert [[row[0], row[2], row[3]] for row in table] == [
            [row[0], f"{int(row[1]):,}", f"{int(row[2]):,}"]
            for row in (line.split("|") for line in shops.splitlines())
        ]
        names = [row[1] for row in table]
        assert names[:2] == ["Zum Löwen", SHOWN]
        assert len(names[2]) == 120
        for row in table:
            picture = seen.page.locator("svg[role=img]").filter(has_text="Profiles by shop")
            assert f"{row[0]} {row[2]}" in (picture.locator("desc").text_content() or "")
            assert row[2] in picture.locator("text").all_text_contents()
        classes = seen.rows("Profiles by what bookings and stylists' counts say of them")
        assert {row[0]: row[1] for row in classes} == {
            name: f"{number:,}" for name, number in shop_profiles(url).items()
        }
        by_shop = seen.rows("Profiles of every shop, by class")
        for column, name in enumerate(shop_profiles(url), 1):
            numbers = [int(row[column].replace(",", "")) for row in by_shop]
            assert sum(numbers) == shop_profiles(url)[name]
        assert ["totals", "2"] in seen.rows("Disagreements by kind")

        days = seen.rows("Five-minute spans with a direct write, by day")
        assert [row[1] for row in days] == ["2", "1", "1"]
        quiet = seen.rows("Direct writes of every shop, and the last day with one")
        assert quiet == [["Shop 2", days[0][0], "3", "4"]]
        [writer] = seen.rows("Who wrote to it in the last seven days")
        assert writer[:4] == [SHOWN, "convo_app", "Shop 2", "5"]

        history = seen.rows("What Sqitch did, the newest first")
        assert [(row[2], row[3], row[5]) for row in history] == [
            ("deployed", "1", "@phase2"),
            ("taken back", "2", "@phase2"),
            ("deployed", "2", "@phase2"),
            ("failed", "1", ""),
            ("deployed", "1", "@phase1"),
        ]
        line = seen.page.locator("svg[role=img]").first.locator("desc").text_content() or ""
        assert re.search(r"@phase1 stood from [^;]* on;", line)
        assert re.search(r"@phase2 stood from .* to .* and from .* on, with 1 failure", line)

        table = seen.rows(
            "All that convo-tenancy health looks at: what it saw and, unless it is ok, what to do"
        )
        assert {row[0] for row in table} == {*checks}
        for name, status, _, detail in table:
            label = "skipped" if checks[name]["detail"].startswith("skipped") else None
            assert status.split()[1] == (label or checks[name]["status"])
            if name in ("drift", "shops", "backfill"):
                assert detail == checks[name]["detail"]

        # Nothing of others is obeyed, fetched or given away.
        text = file.read_text(encoding="utf-8")
        assert not any(
            words in text for words in (*CUSTOMER, "Mallory", "mallory", "\u202e", "\x1b")
        )
        policy = seen.page.locator("meta[http-equiv=Content-Security-Policy]")
        assert (policy.get_attribute("content") or "").startswith("default-src 'none'; ")
        assert seen.page.locator("script").count() == 0
        assert "<script" not in text
        assert "49" not in names[1]
        assert seen.violations() == []
        assert (seen.requests, seen.complaints) == ([file.as_uri()], [])
        # As a PDF, with the sections in its outline; all that is folded is there to read.
        seen.page.emulate_media(media="print")
        for details in seen.page.locator("details").all():
            assert details.locator("table").evaluate("table => table.checkVisibility()")
        outline = seen.page.pdf(outline=True, tagged=True, format="A4")
        for heading in headings:
            assert f"({heading})".encode() in outline, heading

    for width, scheme in ((360, "dark"), (590, "light")):
        with opened(browser, file, width, scheme) as seen:  # type: ignore[arg-type]
            assert seen.overflow() == 0
            for summary in seen.page.locator("summary").all():
                summary.click()
            assert seen.overflow() == 0
            for box in seen.page.locator(".wide").all():  # to its last column
                assert box.evaluate(
                    """box => {
                        box.scrollLeft = box.scrollWidth;
                        const [cell] = [...box.querySelectorAll("tr > :last-child")].slice(-1);
                        const edge = box.getBoundingClientRect().right;
                        return cell.getBoundingClientRect().right <= edge + 1 && edge <= innerWidth;
                    }"""
                )
            assert seen.violations() == []
            for picture in seen.page.locator("svg[role=img]").all():
                frame = picture.bounding_box()
                assert frame is not None
                assert frame["width"] >= 319 or width != 360, "a phone shows pictures unscaled"
            assert seen.complaints == []


def test_in_each_phase(small_at: Small, browser: Browser, tmp_path: Path) -> None:
    """What is not there yet is said in place of an empty picture."""
    later = "Not there yet: it comes with @phase1."
    url = small_at(None)
    words = said(written(url, tmp_path))
    assert "Before phase 1" in words
    assert words.count(later) == 3
    assert "Sqitch's registry (schema sqitch) is missing" in words

    url = small_at("profiles/residual")  # of which nothing is half-way for health, but the phase
    words = said(written(url, tmp_path))
    assert re.search(r"@phase1 is half-way: \d+ of its \d+ changes stand\.", words)
    assert "The phase is half-way. Both ways out are safe" in words
    for command in (health(url).forward, health(url).back):
        assert command is not None
        assert command in words
    assert words.count(later) == 2
    assert "Not deployed yet." in words

    url = small_at("@phase1")
    words = said(written(url, tmp_path))
    assert "Phase 1: profiles filled" in words
    assert "@phase2 is not deployed." in words
    assert "Writers: not there yet: it comes with @phase2." in words
    assert later not in words

    url = small_at("mirror/mirrors")
    execute(url, "DROP SCHEMA sqitch CASCADE")  # the database knows what stands without it
    file = written(url, tmp_path)
    words = said(file)
    assert "Sqitch's registry (schema sqitch) is missing" in words
    assert "@phase1 stands since" in words
    assert re.search(r"@phase2 is half-way: \d+ of its \d+ changes stand\.", words)
    with opened(browser, file, 360) as seen:
        assert seen.page.locator("#phases ~ div .figures svg").count() == 1
        assert (seen.overflow(), seen.violations()) == (0, [])

    url = small_at("@phase3")
    execute(url, "UPDATE public.customer_shop_profiles SET last_booking_at = 'infinity'")
    file = written(url, tmp_path)
    words = said(file)
    assert "Phase 3: profiles alone" in words
    assert "The legacy side is gone (phase 3)." in words
    assert "Tables of schema tenancy_archive customer_booking_stats" in " ".join(
        word for word in words.split() if word not in ("Table", "Size")
    )
    execute(url, "TRUNCATE public.customer_shop_profiles CASCADE; DELETE FROM public.bookings")
    assert "0 profiles in" in said(written(url, tmp_path))


def test_somebody_who_may_not_see_all(phase2_database: str, tmp_path: Path) -> None:
    """Whoever monitors, as the documentation has it; what is missing comes with what helps."""
    url = phase2_database
    rights = ["GRANT convo_health, pg_read_all_stats TO watcher"]
    with role(url, *rights) as theirs:
        words = said(written(theirs, tmp_path))
        assert "4,401 profiles in 4 shops count" in words
        assert "What they are called: permission denied for table shops" in words
        [grant] = re.findall(r"What Sqitch did: permission denied [^:]*: (GRANT .*?)\.(?= )", words)
        execute(url, grant)
        execute(url, "GRANT pg_read_all_data TO watcher")
        words = said(written(theirs, tmp_path))
        assert "permission denied" not in words
        assert "Salon 0" in words
    with role(url) as theirs:
        words = said(written(theirs, tmp_path))
        assert "GRANT pg_read_all_data" in words
        assert "profiles in 4 shops" not in words


def test_one_moment(phase1_database: str) -> None:
    """What is read besides is of the checks' snapshot, and nothing is written on it."""
    change = "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1"
    with connect(phase1_database, "test") as connection, on_one_snapshot(connection):
        report = examine(connection, 60, None)
        execute(phase1_database, change)
        facts = read_facts(connection, report)
        assert sum(shop.bookings for shop in facts.shops.rows) == 11796
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute(change.encode())


def test_the_file(small_at: Small, tmp_path: Path) -> None:
    url = small_at("@phase1")
    file = written(url, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    link = tmp_path / "link.html"
    link.symlink_to(file)
    first = file.read_text(encoding="utf-8")
    execute(url, "UPDATE public.customer_shop_profiles SET total_bookings = total_bookings + 1")
    call(url, "report", "--output", str(link))
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") != first
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.html", "review.html"]

    # To a pipe, with nothing beside it.
    piped = call(url, "report", "--output", "-")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout.startswith("<!DOCTYPE html>")
    assert piped.stdout.endswith("</html>\n")

    # No other file, no folder; and what was there stays when the report is not made.
    other = tmp_path / "index.html"
    other.write_text("<!DOCTYPE html><p>Somebody's")
    assert "exists, and is not a report" in refusal(url, "report", "--output", str(other))
    assert "is a folder" in refusal(url, "report", "--output", str(tmp_path))
    assert "make it first" in refusal(url, "report", "--output", str(tmp_path / "no/review.html"))
    second = file.read_text(encoding="utf-8")
    nowhere = "postgresql://postgres@127.0.0.1:1/nowhere"
    assert "cannot connect" in refusal(nowhere, "report", "--output", str(file))
    assert file.read_text(encoding="utf-8") == second

    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [CONVO_TENANCY, "report"],
        cwd=empty,
        env=environment({"DATABASE_URL": url, "MPLBACKEND": "tkagg"}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.name for each in empty.iterdir()] == ["convo-tenancy-report.html"]


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_without_its_packages(package: str, tmp_path: Path) -> None:
    """All else works, and the report says what to install."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules['{package}'] = None")
    done = subprocess.run(
        [CONVO_TENANCY, "report"],
        env=environment({"PYTHONPATH": str(tmp_path)}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("convo-tenancy: the report lacks a package (")
    assert done.stderr.endswith(": pip install 'convo-tenancy[report]'\n")
    assert len(done.stderr.splitlines()) == 1


MANY = """
    INSERT INTO public.shops (id, name) SELECT n, 'Shop ' || n FROM generate_series(100, 1099) AS n;
    INSERT INTO public.customer_shop_profiles (customer_id, shop_id, total_bookings)
    SELECT c.id, n, n
    FROM generate_series(100, 1099) AS n CROSS JOIN public.customers AS c WHERE c.id <= 2;
"""


def test_a_thousand_shops(small_at: Small, browser: Browser, tmp_path: Path) -> None:
    """Pictures have the biggest ten and the sum of the rest, a table all of them."""
    url = small_at("@phase1")
    execute(url, MANY)
    file = written(url, tmp_path)
    assert file.stat().st_size < 1_000_000
    total = int(value(url, "SELECT sum(total_bookings) FROM public.customer_shop_profiles"))
    shops = int(value(url, "SELECT count(*) FROM public.shops"))
    with opened(browser, file, 360) as seen:
        picture = seen.page.locator("svg[role=img]").filter(has_text="Bookings by shop")
        shown = picture.locator("text").all_text_contents()
        assert shown[-2] == f"{shops - 10:,} others"
        numbers = [int(text.replace(",", "")) for text in shown[1::2]]
        assert len(numbers) == 11
        assert sum(numbers) == total
        assert "Shop 1099" in shown
        assert len(seen.rows("Profiles and bookings of every shop")) == shops
        for summary in seen.page.locator("summary").all():
            summary.click()
        assert seen.overflow() == 0

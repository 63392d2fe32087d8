"""Makes the pictures of docs/images anew: .venv/bin/python tests/python/screenshots.py

The report is that of the recorded database, deployed on a throwaway cluster; what happened in three
weeks of its rollout is written into it, so that there is something to see.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from support.browser import chromium, opened
from support.cluster import ROOT, Cluster
from support.commands import CONVO_TENANCY, execute, run, sqitch

IMAGES = ROOT / "docs/images"
COLOURS = 256
"""Of a PNG: a page is flat, and the files stay small."""

# Phase 1 nineteen days ago; phase 2 failed once, was taken back once, and stands since twelve days.
PAST = """
    SET timezone = 'UTC';
    UPDATE sqitch.events AS e
    SET committed_at = e.committed_at - CASE
        WHEN coalesce(c.position, 0) <= 29 THEN interval '19 days' ELSE interval '12 days' END
    FROM sqitch.changes AS s
    LEFT JOIN tenancy.changes AS c ON c.change = s.change
    WHERE s.change = e.change;
    UPDATE tenancy.changes AS c
    SET standing_since = c.standing_since - CASE
        WHEN c.position <= 29 THEN interval '19 days' ELSE interval '12 days' END
    WHERE c.state = 'standing';
    INSERT INTO sqitch.events
    SELECT o.event, e.change_id || o.event, e.change, e.project, '', '{}', '{}',
        CASE o.event WHEN 'fail' THEN '{}' ELSE e.tags END,
        e.committed_at - o.earlier, 'x', 'x', now(), 'x', 'x'
    FROM sqitch.events AS e
    CROSS JOIN (VALUES
        ('fail', 'mirror/mirrors', interval '110 hours'),
        ('deploy', 'isolation/switch', interval '74 hours'),
        ('revert', 'isolation/switch', interval '40 hours')
    ) AS o (event, change, earlier)
    WHERE e.change = o.change;
    UPDATE tenancy.mirror_watch SET since = since - interval '12 days';
    SELECT setseed(0.4);
    INSERT INTO tenancy.legacy_writes (application_name, role_name, shop_id, written_at)
    SELECT a.application_name, 'convo_app', s.shop_id, m.moment
    FROM generate_series(now()::date - 12, now()::date, interval '1 day') AS d (day)
    CROSS JOIN (
        VALUES (1, 0.30, 0), (2, 0.28, 9), (3, 0.34, 5), (4, 0.40, 0)
    ) AS s (shop_id, share, moved)
    CROSS JOIN (VALUES ('front-desk', 1.0), ('nightly-export', 0.2)) AS a (application_name, part)
    CROSS JOIN generate_series(9 * 12, 19 * 12) AS n (number)
    CROSS JOIN LATERAL (SELECT d.day + n.number * interval '5 minutes' AS moment) AS m
    WHERE m.moment < now()
        AND d.day < now() - s.moved * interval '1 day'
        AND (extract(isodow FROM d.day) < 7 OR a.application_name = 'nightly-export')
        AND random() + n.number * 0 < s.share * a.part * (0.6 + extract(isodow FROM d.day) / 10);
"""


@contextmanager
def rollout() -> Iterator[str]:
    """URL of a database in the middle of its rollout."""
    cluster = Cluster.create()
    try:
        url = cluster.create_database("convo")
        run(ROOT / "scripts/load-legacy.sh", url, "recorded", "convo_owner")
        sqitch(url, "deploy", "--to", "@phase2")
        execute(url, "CALL tenancy.enforce_isolation()")
        execute(url, PAST)
        yield url
    finally:
        cluster.remove()


def save(name: str, shot: bytes) -> None:
    """As a small PNG."""
    IMAGES.mkdir(exist_ok=True)
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        IMAGES / name, optimize=True
    )
    print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


def report(url: str) -> None:
    """Light, dark and on a phone."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder) / "report.html"
        run(CONVO_TENANCY, "report", "--output", file, env={"DATABASE_URL": url})
        with opened(browser, file, 1000) as seen:
            clip = {"x": 0, "y": 0, "width": 1000, "height": 1280}
            save("report.png", seen.page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]
        with opened(browser, file, 1000, "dark") as seen:
            save("report-dark.png", seen.page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]
        with opened(browser, file, 360) as seen:
            clip = {"x": 0, "y": 0, "width": 360, "height": 1240}
            save("report-phone.png", seen.page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]


if __name__ == "__main__":
    with rollout() as there:
        report(there)

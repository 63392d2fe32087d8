"""Template databases at both tags, with held bookings to confirm."""

from __future__ import annotations

from dataclasses import dataclass

from ..cluster import TAG_PHASE_1, TAG_PHASE_2, Cluster, deploy
from .legacy import Holds


@dataclass(frozen=True)
class Templates:
    """The same database as the application left it, without and with the mirrors."""

    holds: Holds
    legacy: str = "legacy"
    phase_1: str = "phase_1"
    phase_2: str = "phase_2"

    def drop(self, cluster: Cluster) -> None:
        """Their disk is free again."""
        for name in (self.legacy, self.phase_1, self.phase_2):
            cluster.drop_template(name)


def make_templates(cluster: Cluster, customers: int, holds: int) -> Templates:
    """All, for so many customers."""
    made = Templates(Holds(customers, holds))
    sample = cluster.make_template(customers)
    with cluster.template(made.legacy, sample) as url:
        made.holds.make(url)
    with cluster.template(made.phase_1, made.legacy) as url:
        deploy(url, TAG_PHASE_1)
    with cluster.template(made.phase_2, made.phase_1) as url:
        deploy(url, TAG_PHASE_2)
    cluster.drop_template(sample)
    return made

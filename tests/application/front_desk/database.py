"""The database, and a session for each request."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(
    os.environ["DATABASE_URL"],
    connect_args={"server_settings": {"application_name": os.environ["APPLICATION_NAME"]}},
)
sessions = async_sessionmaker(engine)


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]

"""The application: `uvicorn front_desk.main:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from . import bookings, conversations, customers
from .database import engine
from .startup import make_tables


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """From the first request to the last."""
    await make_tables()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
for each in (bookings, conversations, customers):
    app.include_router(each.router)


@app.exception_handler(DBAPIError)
async def refused(_: Request, error: DBAPIError) -> JSONResponse:
    """The client is told why, and may ask again after 40P01, 40001 and 55P03."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    return JSONResponse({"sqlstate": sqlstate, "error": str(error.orig)}, 503)

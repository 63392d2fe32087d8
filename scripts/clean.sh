#!/bin/bash
# Deletes what can be made again. The private PostgreSQL is data and stays: `make down` deletes it.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis python/*.egg-info
find . -name __pycache__ -type d -prune -exec rm -rf {} +

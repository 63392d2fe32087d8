# What each target does is in scripts/; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down psql health test test-schema matrix soak lint wheel bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14
	@echo
	@echo 'DATABASE_URL=postgresql://... names a database to use in place of the private cluster,'
	@echo 'PG_BINDIR=/... the programs of the PostgreSQL to start in place of the newest one of Debian.'

up: ## from nothing to a migrated database: install, start, load, deploy, check
	@scripts/up.sh

down: ## stop the private PostgreSQL and delete its data
	@scripts/down.sh

psql: ## a psql session in the database
	@scripts/psql.sh

health: ## is every profile right? (exit code of the check: .venv/bin/convo-tenancy health)
	@scripts/health.sh

test: ## every test, on throwaway databases
	@scripts/test.sh

test-schema: ## the tests that only look at the schema, on DATABASE_URL: a clone of production, say
	@scripts/test-schema.sh

matrix: ## the full cycle and every test on each version of PostgreSQL
	@scripts/matrix.sh

soak: ## all of what `make test` takes a share of: races of 100,000 transactions, every lock, every half state
	@scripts/soak.sh

lint: ## every check that needs no database
	@scripts/lint.sh

wheel: ## what a release is: the wheel and the source distribution, in dist
	@scripts/wheel.sh

bench: ## measure rates and stalls on throwaway clusters
	@scripts/bench.sh

clean: ## delete .venv and caches; the private PostgreSQL stays (make down)
	@scripts/clean.sh

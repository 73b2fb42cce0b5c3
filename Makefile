# Bare `make` lists the targets. The work is done in scripts/, which can be called without make too.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run fresh build test test-postman test-browser screenshots test-crash test-instances test-cuts test-examples test-openapi \
  fan-out typescript-types fuzz lint check-ops fmt bench overload clean-data

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build, load the real data into data/feed-me.db if it is not there yet, serve on 127.0.0.1:5000
	@scripts/run

fresh: ## the same with a new database: what is in data/feed-me.db is lost (also: FRESH=1 make run)
	@FRESH=1 scripts/run

build: ## the release binary, target/release/feed-me
	cargo build --release --bin feed-me

test: ## every test, on SQLite, in memory and on a throw-away PostgreSQL (or FEEDME_TEST_POSTGRES_URL)
	@scripts/test

test-postman: ## the Postman collection alone
	@scripts/test-postman

test-browser: ## the page at /, in Debian's chromium
	@scripts/test-browser

screenshots: ## the pictures of the page in docs/images, anew, from the real data
	@scripts/test-browser --screenshots

test-crash: ## kill the server 20 times under load, on each database; nothing acknowledged may be lost or doubled
	@scripts/test-crash

test-instances: ## three instances behind nginx, killed and restarted under load; nothing lost, wrong, or late
	@scripts/test-instances

test-cuts: ## cut a stream 1,000 times at random while ten writers write, on each database: the client's copy is the feed
	@scripts/test-cuts

test-examples: ## run the examples of clients: curl, Python, and a page in a headless browser
	@scripts/test-examples

typescript-types: ## generate the types for TypeScript from the OpenAPI document
	@scripts/typescript-types

fan-out: ## how a post reaches VIEWERS=5000 open streams of the author's followers, on the release binary
	@scripts/fan-out

test-openapi: ## ask a running server everything that its OpenAPI document allows, by schemathesis
	@scripts/test-openapi

fuzz: ## try inputs that nobody thought of, MINUTES=10 on each target
	@scripts/fuzz

lint: ## format, clippy, documentation, shell scripts, licences: no warning is let through
	@scripts/lint

check-ops: ## the Helm chart and the alert rules, by the tools that they are for
	@scripts/check-ops

fmt: ## format the Rust code
	cargo fmt --all

bench: ## what the domain costs, then a load run over HTTP, into bench/results/; SIZE=S (minutes), M or L
	@scripts/bench

overload: ## offer a server up to four times its peak: what it still does, into bench/results/overload.md
	@scripts/overload

clean-data: ## remove data/feed-me.db
	rm -f data/feed-me.db data/feed-me.db-wal data/feed-me.db-shm data/feed-me.loading.db*

# Recipes for https://just.systems. Each is one plain command, so `just` itself is optional.

# List the recipes.
default:
    @just --list

# Build the release binary, target/release/latchkey.
build:
    cargo build --release --locked

# Run all tests. Tests whose programs are not installed are skipped and listed.
test:
    cargo test --locked

# Run everything that CI runs; installs missing programs (Debian).
ci:
    .ci/run

# Measure throughput, latency, CPU time and memory: docs/performance.md.
bench *ARGS:
    cargo bench --bench load -- {{ ARGS }}

# Serve a temporary database with sample people, workspaces and tokens.
demo:
    cargo run --release --locked -- demo

# Take screenshots of every page, into target/screenshots. Needs Chromium and chromedriver.
screenshots:
    cargo test --locked --test browser -- --nocapture

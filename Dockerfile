# Three images: the service (the default), `--target emulator` and `--target client-sim`. Each is
# without its build and non-root.
FROM rust:1.95-bookworm AS source
WORKDIR /src
COPY . .

# For a table on AWS, or wherever a URL leads: without the embedded DynamoDB, its SQLite, and the model
# of a Lambda trigger.
FROM source AS build
# The image has no repository: --build-arg GAVEL_BUILD_COMMIT=$(git rev-parse --short=12 HEAD).
ARG GAVEL_BUILD_COMMIT=""
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p gavel-server --no-default-features \
    && strip -o /usr/local/bin/gavel-server target/release/gavel-server

FROM source AS build-tools
ARG GAVEL_BUILD_COMMIT=""
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p client-sim -p dynamodb-emulator \
    && strip -o /usr/local/bin/client-sim target/release/client-sim \
    && strip -o /usr/local/bin/dynamodb-emulator target/release/dynamodb-emulator

# The playground's assets, so that its page asks no other host.
FROM node:20-bookworm-slim AS playground
WORKDIR /playground
COPY playground/install .
RUN ./install

# The emulator alone, for compose.yaml: docker build --target emulator .
FROM debian:bookworm-slim AS emulator
RUN useradd --system --uid 10001 emulator
COPY --from=build-tools /usr/local/bin/dynamodb-emulator /usr/local/bin/
USER 10001
EXPOSE 8000
ENTRYPOINT ["dynamodb-emulator", "--host", "0.0.0.0", "--port", "8000"]

# Simulated clients, to measure a service from where it runs.
FROM debian:bookworm-slim AS client-sim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 client
COPY --from=build-tools /usr/local/bin/client-sim /usr/local/bin/
USER 10001
ENTRYPOINT ["client-sim"]

# The service.
FROM debian:bookworm-slim
# Debian keeps one version of each; the base image's tag says of which Debian.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 gavel
COPY --from=build /usr/local/bin/gavel-server /usr/local/bin/
COPY --from=playground /playground/assets /usr/local/share/gavel/playground
# By number, so that an orchestrator sees that it is not root.
USER 10001
# Health and metrics have an address of their own, which is not to be published to strangers.
ENV GAVEL_LISTEN=0.0.0.0:8080 GAVEL_ADMIN_LISTEN=0.0.0.0:9464 GAVEL_LOG=json \
    GAVEL_PLAYGROUND_DIR=/usr/local/share/gavel/playground
EXPOSE 8080 9464
# A shell, for Docker keeps exit codes over 1 to itself.
# hadolint ignore=DL3025
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD curl --fail --silent --show-error http://127.0.0.1:9464/readyz || exit 1
ENTRYPOINT ["gavel-server"]

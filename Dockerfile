# syntax=docker/dockerfile:1
# One program, two images:
#   docker build -t convsync .                      static, the program only: serve, run, verify and most other commands
#   docker build -t convsync:sql --target sql .     on Debian, with the embedded SQL engine, for demo and similar commands
# Base images have version tags; a release pins them by digest: docs/deployment.md, "Images by digest".
FROM golang:1.26-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev

FROM source AS build-sql
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make build VERSION="${VERSION}" BIN=/out

FROM source AS build-static
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make static VERSION="${VERSION}" BIN=/out \
 && mkdir /out/data \
 && echo "convsync:x:10001:10001::/data:/bin/false" > /out/passwd

FROM debian:bookworm-slim AS sql
# The embedded DuckDB needs the C++ runtime, and HTTPS needs the certificates, in the versions of the base image.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libstdc++6 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /data convsync
COPY LICENSE NOTICE THIRD_PARTY_LICENSES /licenses/
COPY --from=build-sql /out/convsync /usr/local/bin/convsync
# A number, so that Kubernetes can check that it is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8080
# For `serve`. Run a container for a single run with --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/usr/local/bin/convsync", "health"]
ENTRYPOINT ["/usr/local/bin/convsync"]
CMD ["serve"]

FROM scratch AS static
COPY --from=build-static /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build-static /out/passwd /etc/passwd
COPY LICENSE NOTICE THIRD_PARTY_LICENSES /licenses/
COPY --from=build-static /out/convsync /usr/local/bin/convsync
COPY --from=build-static --chown=10001:10001 /out/data /data
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/usr/local/bin/convsync", "health"]
ENTRYPOINT ["/usr/local/bin/convsync"]
CMD ["serve"]

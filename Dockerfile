# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /out/convsync ./cmd/sync

FROM debian:bookworm-slim
# The embedded DuckDB needs the C++ runtime, requests the certificates.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libstdc++6 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /data convsync
COPY --from=build /out/convsync /usr/local/bin/convsync
# By number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8080
# Of `serve`; a container for one run has none (--no-healthcheck). The image has no curl, and bash can do it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["convsync"]
CMD ["serve"]

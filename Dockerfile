# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /out/convsync ./cmd/sync

FROM debian:bookworm-slim
# The embedded DuckDB needs the C++ runtime, requests the certificates.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libstdc++6 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /data convsync
COPY --from=build /out/convsync /usr/local/bin/convsync
USER convsync
WORKDIR /data
ENTRYPOINT ["convsync"]
CMD ["run"]

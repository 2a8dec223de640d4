# syntax=docker/dockerfile:1
# A slim image with the program and the system's certificates, run by a user without rights.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release -p op-status && cp target/release/op-status /op-status

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --uid 10001 op-status
COPY --from=build /op-status /usr/local/bin/op-status
USER 10001
# Not 0.0.0.0: who runs the image says where to listen, with --rpc.addr and --metrics.addr or OP_STATUS_RPC_ADDR.
EXPOSE 9545 7300
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["op-status", "check", "--timeout", "4s"]
ENTRYPOINT ["op-status"]
CMD ["run"]

# syntax=docker/dockerfile:1
# The program, what it is linked with and the system's certificates; no shell, and a user without rights. It writes to no
# file but those of --safedb.path, so its root can be read-only.
FROM rust:1.95-bookworm AS build
# .git is not copied.
ARG OP_STATUS_COMMIT
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release -p op-status && deploy/image-root target/release/op-status /image

FROM scratch
COPY --from=build /image /
USER 10001:10001
# The health check asks at the port that stands here, and so does `docker exec NAME op-status get`: give another by the
# variable, not the flag.
ENV OP_STATUS_RPC_PORT=9545
# Not 0.0.0.0: who runs the image says where to listen, with OP_STATUS_RPC_ADDR and --metrics.addr.
EXPOSE 9545 7300
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["/usr/bin/op-status", "check", "--live", "--timeout", "4s"]
ENTRYPOINT ["/usr/bin/op-status"]
CMD ["run"]

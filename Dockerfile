# The server as an image: docker build -t feed-me .
#
# Written where no container engine runs: it has been read and checked, never built. What it runs (the cargo build, the
# binary, the health check's line of bash) was run outside a container. Needs BuildKit, the default since Docker 23.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches live in the builder, not in a layer, so the binary is taken out of them in the same step. SQLite and libpq
# are compiled in; nothing else is needed of the system.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package feed-me-api --bin feed-me \
    && install -D target/release/feed-me /out/feed-me

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin feed-me \
    && install -d -o feed-me -g feed-me -m 750 /data
COPY --from=build /out/feed-me /usr/local/bin/feed-me
# Whom webhooks believe; the slim image has none.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt

# A container's port can be published to the world, so the image starts from the careful settings. Without another
# database.url the data are one SQLite file in the volume.
ENV FEEDME_PROFILE=production \
    FEEDME__SERVER__LISTEN=0.0.0.0:5000 \
    FEEDME__DATABASE__URL=sqlite:///data/feed-me.db
USER feed-me
WORKDIR /data
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM

# bash can speak TCP, so the image needs no curl for this. A server with tls.certificate, or on another port, wants its own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5000 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 2 status <&3 && [[ $status == *' 200 '* ]]"]

ENTRYPOINT ["feed-me"]
CMD ["serve"]

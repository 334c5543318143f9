FROM alpine:3.19 AS s
RUN adduser -D -u 4321 own && mkdir -p /srv/d/e && echo f > /srv/d/e/f && chown -R own:own /srv/d && ln -s d /srv/l && chmod 700 /srv/d/e
FROM alpine:3.19
WORKDIR /app
COPY . .
COPY src *.md Makefile ./flat/
COPY src/lib/greet.? ./h/
COPY ["conf/app.conf", "/with space/"]
COPY --from=s /srv /srv
COPY --from=s /srv/d /srv2/
COPY --from=s /srv/l /srv3
ADD conf /added/
ADD greet-1.0.tar.gz /un
ADD --chown=4321:4321 --chmod=600 README.md /r
COPY --chmod=755 scripts/docker-entrypoint.sh /
RUN find /app /srv /srv2 /srv3 /added /un /r "/with space" /docker-entrypoint.sh -print0 | sort -z | xargs -0 stat -c '%A %u:%g %n' > /listing

# syntax=docker/dockerfile:1.7-labs
FROM alpine:3.19 AS deps
RUN --mount=type=cache,target=/var/cache/apk,sharing=locked \
    ln -vsf /var/cache/apk /etc/apk/cache && \
    apk add --update-cache make
FROM deps AS build
WORKDIR /src
RUN --mount=type=bind,source=.,target=/src,rw \
    --mount=type=cache,id=objects,target=/objects \
    cp conf/app.conf /app.conf && touch /src/written /objects/kept
RUN --mount=type=cache,id=objects,target=/objects test -e /objects/kept && test ! -e /src/written
RUN --mount=target=/ctx,ro test -e /ctx/conf && ! touch /ctx/x 2>/dev/null
RUN --mount=type=bind,from=deps,source=/usr/bin,target=/deps/bin test -e /deps/bin/make
RUN --mount=type=secret,id=absent,required=false test ! -e /run/secrets/absent
RUN --mount=type=secret,id=token,target=/root/.token,mode=0400 --mount=type=secret,id=token,env=TOKEN \
    test "$(cat /root/.token)" = "$TOKEN" && test "$(stat -c %a /root/.token)" = 400 && wc -c < /root/.token > /size
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x
FROM alpine:3.19
COPY --parents --from=build /./app.conf /usr/./bin/make /p/
COPY --from=build /size /
RUN --mount=from=build,target=/b test ! -e /b/scratch && test ! -e /b/objects && test ! -e /b/ctx && test ! -e /b/root/.token
RUN --mount=from=build,target=/b,rw echo no > /b/new && test -e /b/app.conf && test ! -e /etc/apk/cache
RUN --mount=from=build,target=/b test ! -e /b/new

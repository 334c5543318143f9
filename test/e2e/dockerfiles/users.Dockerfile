# Users, owners and set-id bits that last into later RUNs and stages; log files that are links to the outputs.
FROM alpine:3.19 AS base
ARG UID=1000
ARG GID=1000
RUN addgroup -g ${GID} -S app && adduser -u ${UID} -S -D -h /home/app -s /sbin/nologin -G app app \
    && mkdir -p /var/lib/app /var/log/app \
    && chown -R app:app /var/lib/app /var/log/app \
    && ln -sf /dev/stdout /var/log/app/access.log \
    && ln -sf /dev/stderr /var/log/app/error.log
COPY --chown=app:app conf/app.conf /home/app/
COPY --chown=1000 --chmod=0640 conf/ /etc/app/
COPY scripts/docker-entrypoint.sh /usr/local/bin/
USER app
WORKDIR /home/app/data
RUN touch x && [ "$(stat -c %U:%G x)" = app:app ] && [ "$HOME" = /home/app ] && [ "$(id -un)" = app ]
RUN echo logged > /var/log/app/access.log && echo wrong | tee /var/log/app/error.log > /dev/null

FROM base
RUN [ "$(whoami)" = app ] && [ "$PWD" = /home/app/data ]
USER root
RUN apk add --no-cache su-exec && [ "$(su-exec app id -u)" = 1000 ] && su app -s /bin/sh -c 'touch ~/from-su' \
 && install -d -o app -g app -m 0750 /opt/x && install -o app -m 4755 /bin/busybox /opt/x/bb \
 && stat -c '%U:%G %a %n' /home/app/app.conf /etc/app /etc/app/app.conf /home/app/data /home/app/data/x /home/app/from-su /opt/x /opt/x/bb > /seen \
 && deluser app && ! id app 2>/dev/null
USER ${UID}:${GID}
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["greet"]

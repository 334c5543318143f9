# The same virtual name for other packages: what only the first wanted goes. Its version is part of the image.
FROM alpine:3.19
# A PATH without a single program does not keep apk from its work.
ENV PATH=/opt/nothing
RUN /sbin/apk add --no-cache -t .deps make \
    && /sbin/apk add --no-cache --virtual .deps gcc \
    && [ ! -e /usr/bin/make ] && [ -e /usr/bin/gcc ]
COPY README.md LICENSE* *.none /opt/
EXPOSE 8080:80

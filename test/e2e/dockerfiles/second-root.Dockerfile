# A root of one's own, made by apk for the final image.
FROM alpine:3.19 AS build
RUN mkdir -p /target/etc/apk \
 && cp -r /etc/apk/keys /etc/apk/repositories /target/etc/apk/ \
 && apk --no-cache --initdb --root /target --arch $(apk --print-arch) --keys-dir /etc/apk/keys add app make \
 && apk --root /target info -e make > /target/said
FROM scratch
COPY --from=build /target /
CMD ["/usr/bin/make"]

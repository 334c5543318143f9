# A static C program: tools, configure, make on all processors, strip, an empty final image.
FROM alpine:3.19 AS builder

RUN apk --no-cache add \
        gcc \
        musl-dev \
        # for <linux/...>
        linux-headers \
        make

WORKDIR /usr/src/greet
COPY Makefile configure ./
COPY src/ src/
RUN ./configure --prefix=/usr --disable-shared \
 && make -j$(nproc) CC=gcc CFLAGS="-Os -ffunction-sections" LDFLAGS="-static -Wl,--gc-sections" \
 && make install DESTDIR=/out \
 && strip /out/usr/bin/greet

FROM scratch
COPY --from=builder /out/usr/bin/greet /greet
ENTRYPOINT ["/greet"]
CMD ["docker"]

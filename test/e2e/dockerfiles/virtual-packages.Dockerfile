# The idiom of docker's official images: one RUN, build dependencies that go again, libraries found by scanelf.
FROM alpine:3.19
LABEL maintainer="Somebody <some@body>"

ENV GREET_VERSION 1.0
ENV GREET_SHA256=unused \
    PATH=/opt/greet/bin:$PATH

COPY SHA256SUMS greet-1.0.tar.gz /tmp/dl/

RUN set -eux; \
	addgroup -S -g 8282 greet; \
	adduser -S -D -H -u 8282 -h /var/lib/greet -s /sbin/nologin -G greet greet; \
	\
	apk add --no-cache --virtual .build-deps \
		gcc \
		make \
	; \
	\
	cd /tmp/dl; \
	sha256sum -c SHA256SUMS; \
	tar -xzf greet-1.0.tar.gz; \
	# install it
	install -D -m 755 greet-${GREET_VERSION}/greet.sh /usr/local/bin/greet; \
	cd /; \
	rm -rf /tmp/*; \
	\
	runDeps="$( \
		scanelf --needed --nobanner --format '%n#p' --recursive /usr/local /lib/libz.so.1 \
			| tr ',' '\n' \
			| sort -u \
			| awk 'system("[ -e /usr/local/lib/" $1 " ]") == 0 { next } { print "so:" $1 }' \
	)"; \
	apk add --no-cache --virtual .run-deps $runDeps tini; \
	apk del --no-network .build-deps; \
	test ! -e /usr/bin/gcc; \
	mkdir -p /var/lib/greet; \
	chown -R greet:greet /var/lib/greet; \
	find /var -name '*.cache' -exec rm -rf '{}' +; \
	greet

VOLUME ["/var/lib/greet"]
EXPOSE 80/tcp 443 53/udp
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
  CMD wget -qO- http://localhost/ || exit 1
ENTRYPOINT ["/sbin/tini", "--"]
CMD ["greet"]

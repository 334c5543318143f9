FROM alpine:3.19
MAINTAINER Some One <a@b.c>
ENV LANG C.UTF-8
ENV FOO=a\
b
RUN set -x; \
    \
    : ; \
# not indented
	# indented by a tab
    echo ok > /ok
RUN echo "a # no comment" > /hash && echo 'b' >> /hash # a comment of the shell
RUN echo 'x\
  y' > /joined
WORKDIR relative/dir
WORKDIR ..
RUN pwd > /pwd; (sleep 60 &) ; test ! -t 0; cat; umask >> /pwd
RUN mkdir -p /c/bin /c/lib && cp /bin/busybox /c/bin/ && cp /lib/ld-musl-*.so.1 /c/lib/ && chroot /c /bin/busybox ls / > /chrooted
RUN sysctl -p 2>/dev/null || true; mknod /tmp/null c 1 3 2>/dev/null || true; mkfifo /tmp/p; rm -f /tmp/null /tmp/p
EXPOSE 80 443
EXPOSE 8000-8002/tcp
VOLUME /data /data2
STOPSIGNAL 9
HEALTHCHECK NONE
ENTRYPOINT exec top -b

FROM alpine:3.19
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
RUN if false | true; then exit 1; fi
RUN ["/bin/sh", "-c", "false | true"]
RUN ["sh", "-c", "echo $0 > /exec"]
RUN [ -f /etc/passwd ] && [[ a == a ]] && x=abab && echo "${x/b/X} ${x:1:2} ${x%b}" > /shell
CMD echo $HOME
FROM scratch
COPY --from=0 /etc/passwd /etc/group /etc/
COPY --from=0 /bin/busybox /lib/ld-musl-x86_64.so.1 /bin/
COPY --from=0 --chown=nobody:nogroup /exec /shell /
SHELL ["/bin/ld-musl-x86_64.so.1", "/bin/busybox", "sh", "-c"]
RUN echo "$PATH $HOME $PWD" > /env && read -r version < /proc/version && : < /dev/null
RUN ["/bin/ld-musl-x86_64.so.1", "/bin/busybox", "mkdir", "-m", "1777", "/tmp"]
USER nobody
ENTRYPOINT ["/bin/busybox"]

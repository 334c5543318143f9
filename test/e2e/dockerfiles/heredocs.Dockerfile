# syntax=docker/dockerfile:1.4
# check=skip=all
FROM alpine:3.19
RUN <<EOF
set -e
apk add --no-cache make
# a comment of the shell \
cat > /usr/local/bin/entry <<'INNER'
#!/bin/sh
echo "args: $@"
INNER
chmod +x /usr/local/bin/entry
EOF
COPY <<EOF /etc/expanded
PATH is ${PATH}
cost \$5 "quoted"
EOF
COPY <<'EOF' /etc/raw
PATH is ${PATH} \$5
EOF
COPY <<one.conf <<"two.conf" /etc/many/
$PATH
one.conf
$PATH
two.conf
RUN cat <<EOF >/both && cat <<EOF2 >>/both
first $HOME
EOF
second
EOF2
RUN <<-EOT
	echo "from	sh" > /tabs
	EOT
RUN <<EOF
#!/usr/bin/awk -f
BEGIN { print "by awk" > "/awk" }
EOF
COPY --chmod=755 <<-EOF /docker-entrypoint.sh
	#!/bin/sh
	exec "\$@"
EOF
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
RUN <<EOF
entry a b | grep -q . && /docker-entrypoint.sh true
if false | true; then exit 1; fi
EOF

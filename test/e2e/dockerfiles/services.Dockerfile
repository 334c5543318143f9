# Names that only full mirrors have: planned, not built.
ARG NGINX_VERSION=1.25.4
FROM alpine:3.19 AS deps
RUN apk update && apk upgrade && apk add --no-cache \
    build-base=~0.5 cmake ninja pkgconf git bash curl gnupg openssl-dev openssl-libs-static zlib-dev zlib-static pcre2-dev \
    autoconf automake libtool 'so:libz.so.1' perl-dev>=5 \
 && rm -rf /var/cache/apk/*
FROM deps AS nginx
ARG NGINX_VERSION
ADD https://nginx.org/download/nginx-${NGINX_VERSION}.tar.gz /tmp/
ADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 https://example.org/empty /empty
ADD --keep-git-dir=true https://github.com/o/r.git#v1.0:sub /src/r
RUN --network=none set -x \
 && export GNUPGHOME="$(mktemp -d)" \
 && for server in hkps://keys.openpgp.org keyserver.ubuntu.com ; do gpg --batch --keyserver "$server" --recv-keys X && break; done \
 && tar -zxC /usr/src -f /tmp/nginx-${NGINX_VERSION}.tar.gz && cd /usr/src/nginx-${NGINX_VERSION} \
 && ./configure --with-cc-opt='-Os -fomit-frame-pointer' && make -j$(getconf _NPROCESSORS_ONLN) && make install \
 && apk add --no-cache libcap && find /usr/sbin -name nginx -print0 | xargs -0 setcap cap_net_bind_service=+ep
FROM deps AS cmake
WORKDIR /src
RUN git clone --depth 1 https://github.com/o/p . && cmake -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DCMAKE_EXE_LINKER_FLAGS=-static && cmake --build build -j && cmake --install build
FROM alpine@sha256:c5b1261d6d3e43071626931fc004f70149baeba2c8ec672bd4f27761f8e1ad6b
RUN apk add --no-cache --virtual=.gosu dpkg && apk add -X https://dl-cdn.alpinelinux.org/alpine/edge/testing gosu@testing tini
COPY --from=nginx /usr/sbin/nginx /usr/sbin/
COPY --from=cmake /usr/local /usr/local
STOPSIGNAL SIGTERM
CMD ["nginx", "-g", "daemon off;"]

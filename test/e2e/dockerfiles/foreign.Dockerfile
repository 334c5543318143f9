FROM golang:1.22-alpine AS go
RUN go build
FROM ubuntu:22.04 AS unused
RUN apt-get update
FROM alpine:3.19 AS a
RUN true
FROM a AS mid
COPY --from=busybox:1.36 /bin/busybox /bb
COPY --from=go /x /x
FROM a AS plain
RUN echo plain > /plain
FROM mid

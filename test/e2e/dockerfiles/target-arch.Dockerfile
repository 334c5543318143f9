# syntax=docker/dockerfile:1
ARG TARGETARCH
ARG REGISTRY
ARG VERSION=3.19
ARG BASE=${REGISTRY:+${REGISTRY}/}alpine:${VERSION:-latest}
FROM --platform=$BUILDPLATFORM ${BASE} as base
RUN echo base > /base
FROM base AS build-amd64
ENV CPU=x86-64
FROM base AS build-arm64
ENV CPU=armv8-a
RUN false
FROM build-${TARGETARCH} AS Build
ARG TARGETPLATFORM TARGETARCH BUILDPLATFORM
ARG VERSION
ARG APP="1.2.3"
ARG MAJOR=${APP%%.*}
ARG FULL="v${APP}-${TARGETARCH:-none}"
RUN echo "$CPU $TARGETPLATFORM $BUILDPLATFORM $MAJOR $FULL $VERSION" > /info
FROM ubuntu:22.04 AS never
RUN apt-get update
FROM scratch AS out
COPY --link --from=build /info /base /
COPY --from=0 --link /etc/alpine-release /
FROM out

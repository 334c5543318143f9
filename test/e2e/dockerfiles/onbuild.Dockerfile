FROM alpine:3.19 AS onb
ONBUILD ARG WHO=nobody
ONBUILD COPY conf /conf
ONBUILD RUN echo "$WHO" > /who
FROM onb AS app
ARG WHO
RUN echo "who=${WHO}" >> /who
FROM app
RUN test -e /conf/app.conf

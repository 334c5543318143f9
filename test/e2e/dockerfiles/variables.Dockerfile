ARG TAG=3.19
FROM alpine:${TAG}
ARG TAG
ARG EMPTY
ARG P=a,\
b
ARG LIST="make app"
ARG NONE=""
ARG CFLAGS="-O2 -g"
ENV A=old
ENV A=new B=$A C="${A}-x" D='$A' E=\$A F=a\ b
ENV legacy value with  spaces = yes
RUN [ "$A" = new ] && [ "$B" = old ] && [ "$C" = old-x ] && [ "$D" = '$A' ] && [ "$E" = '$A' ] && [ "$F" = 'a b' ] && [ "$legacy" = "value with  spaces = yes" ] \
 && [ -z "${EMPTY+set}" ] && [ "${NONE+set}" = set ] && [ "$P" = a,b ] && [ "$CFLAGS" = "-O2 -g" ] && [ "$TAG" = 3.19 ]
RUN apk add --no-cache $LIST && apk add --no-cache $NONE
WORKDIR $A
WORKDIR sub/${B}
RUN [ "$PWD" = /new/sub/old ]
LABEL v="$TAG" "quoted key"="x y" lines="one \
two"
USER ${USERNAME:-nobody}
RUN [ "$(id -un)" = nobody ]
WORKDIR relative
COPY conf/app.conf ${A}.conf

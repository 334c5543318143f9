FROM alpine:3.19
RUN echo a && \
    # comment

    echo b > /b
ENV X="1" \
    Y=2
RUN test "$X$Y" = 12
COPY <<EOF /h
line
EOF
RUN <<EOF
set -e
echo crlf > /c
EOF
WORKDIR /w
CMD ["sh"]
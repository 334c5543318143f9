# syntax=docker/dockerfile:1
from alpine:3.19 as One
run true   \   
  && echo x > /x
from alpine:3.19
copy --from=ONE /x /y
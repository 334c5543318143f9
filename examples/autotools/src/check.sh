#!/bin/sh
# The two words that occur most, in order.
got=$(printf 'b a b\nc a b\n' | ./wordfreq | head -n 2)
[ "$got" = "3 b
2 a" ]

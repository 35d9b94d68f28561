#!/bin/sh
# Fuzzes the HTTP reader (and forms and queries) with libFuzzer and AddressSanitizer.
#   Tests/Fuzz/run.sh [seconds]
# What libFuzzer learns is kept in .build/fuzz/http-corpus; an input that breaks something is left in .build/fuzz.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
mkdir -p .build/fuzz/http-corpus
# A copy: libFuzzer puts its shortened inputs beside those that they came from.
cp Tests/Fuzz/http-corpus/* .build/fuzz/http-corpus

# Into the module itself, so that the fuzzer sees every branch; with the settings of Package.swift.
swiftc -parse-as-library -sanitize=fuzzer,address -O -enforce-exclusivity=checked -assert-config Debug \
    -module-name HTTP -package-name holdfast -swift-version 6 \
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault \
    -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature NonisolatedNonsendingByDefault \
    Sources/HTTP/*.swift Tests/Fuzz/http-fuzz.swift -o .build/fuzz/http

# Swift's own backtraces get in the way of the sanitizer's.
SWIFT_BACKTRACE=enable=no exec .build/fuzz/http -max_total_time="$seconds" -timeout=5 -max_len=2048 \
    -dict=Tests/Fuzz/http-dictionary.txt -artifact_prefix=.build/fuzz/ -print_final_stats=1 \
    .build/fuzz/http-corpus

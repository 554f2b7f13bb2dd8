#!/bin/sh
# Deletes what moodlog never loads from an installed environment: slim.sh .venv
# A quarter of a container's size is tests, C++ headers, Arrow's RPC client and LiteRT's tools for GPUs and builds.
set -eu
find "$1" -depth \( -name tests -o -path '*/pyarrow/include' -o -path '*/pyarrow/src' -o -name '*flight*.so*' \
  -o -path '*/ai_edge_litert/tools' -o -path '*/ai_edge_litert/vendors' -o -name 'libLiteRtWebGpu*' \) -exec rm -rf {} +

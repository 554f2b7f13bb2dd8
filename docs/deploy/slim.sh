#!/bin/sh
# Deletes what moodlog never loads from an installed environment: slim.sh .venv
# A third of a container's size is tests, C++ headers, Arrow's RPC client, LiteRT's tools for GPUs and builds, and the symbols
# of compiled libraries (if `strip` of binutils is installed). Libraries in *.libs stay: they were changed to fit into a
# wheel, and the system may not load them after `strip`.
set -eu
find "$1" -depth \( -name tests -o -path '*/pyarrow/include' -o -path '*/pyarrow/src' -o -name '*flight*.so*' \
  -o -path '*/ai_edge_litert/tools' -o -path '*/ai_edge_litert/vendors' -o -name 'libLiteRtWebGpu*' \) -exec rm -rf {} +
if command -v strip >/dev/null; then
  # A new file each, because uv's cache may have a hard link to the old one.
  find "$1" -type f -name '*.so*' -not -path '*.libs/*' -exec sh -c 'for file; do
    if strip --strip-unneeded -o "$file.slim" "$file" 2>/dev/null; then mv "$file.slim" "$file"; else rm -f "$file.slim"; fi
  done' sh {} +
fi

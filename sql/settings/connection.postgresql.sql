-- The views have many expressions and few rows to read: compiling them takes longer than running them.
SET jit = off;

"""Whole databases: copied, emptied for a rebuild, compared, and moved away when they are damaged."""

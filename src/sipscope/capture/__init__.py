"""Where packets come from: one module a source, each yields packet batches."""

"""convrun: run and test conversations with language models, written down as YAML and replayed offline."""

"""How a recording is written down: the nodes of its file, what lies beside it, and vcrpy's own shape."""

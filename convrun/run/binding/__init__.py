"""Names become code: tools, hooks, checks and models, with every mistake found before anything runs."""

"""One conversation under way: what carries it, its turns, and what its checks say."""
